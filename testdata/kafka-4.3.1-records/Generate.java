import java.io.*;
import java.lang.reflect.*;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.protocol.*;
import org.apache.kafka.common.metadata.*;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.utils.ImplicitLinkedHashCollection;
import org.apache.kafka.metadata.MetadataRecordSerde;
import org.apache.kafka.server.common.ApiMessageAndVersion;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor;
import org.apache.kafka.clients.consumer.internals.ConsumerProtocol;

public class Generate {
  static Random r = new Random(431);
  static final Set<String> KEEP = Set.of("partitionId", "leaderEpoch");
  static String text() {
    String[] t = {"", "a", "topic.with_dots-1", "grüße", "\"quoted\"\\\n\t\u0001", "日本語 😀", "x".repeat(200), "/slash", "<&>'\u007f\u2028"};
    return t[r.nextInt(t.length)];
  }
  static byte[] bytes() { byte[] b = new byte[r.nextInt(40)]; r.nextBytes(b); return b; }
  static long number(long max) {
    switch (r.nextInt(5)) { case 0: return 0; case 1: return max; case 2: return Math.min(max, 1 + r.nextInt(100)); case 3: return Math.min(max, r.nextInt(1 << 20)); default: return Math.min(max, r.nextLong() & Long.MAX_VALUE); }
  }
  static Object value(Field f, java.lang.reflect.Type type, String name, Class<?> owner) throws Exception {
    if (name.equals("leader") && type == int.class) { int[] c = owner == PartitionChangeRecord.class ? new int[]{-2,-1,0,7} : new int[]{-1,0,7}; return c[r.nextInt(c.length)]; }
    if (type == int.class || type == Integer.class) { if (name.equals("port")) return r.nextInt(65536); return (int) number(Integer.MAX_VALUE); }
    if (type == long.class) return number(Long.MAX_VALUE);
    if (type == short.class || type == Short.class) return (short) number(Short.MAX_VALUE);
    if (type == byte.class) { byte[] c = {0,1,2,5,127,-1}; return name.equals("leaderRecoveryState") ? (byte) r.nextInt(2) : c[r.nextInt(c.length)]; }
    if (type == boolean.class) return r.nextBoolean();
    if (type == double.class) { double[] c = {0, 1, 1024, 0.1, 1e7, 12345678.25, 1e-5, 1.7976931348623157e308, 123456789012.0}; return c[r.nextInt(c.length)]; }
    if (type == Uuid.class) return r.nextInt(5) == 0 ? Uuid.ZERO_UUID : new Uuid(r.nextLong(), r.nextLong());
    if (type == String.class) return text();
    if (type == byte[].class) return bytes();
    if (type instanceof ParameterizedType p) {
      List<Object> l = new ArrayList<>(); int n = r.nextInt(4);
      for (int i = 0; i < n; i++) l.add(value(f, p.getActualTypeArguments()[0], "", owner));
      return l;
    }
    Class<?> c = (Class<?>) type;
    if (ImplicitLinkedHashCollection.class.isAssignableFrom(c)) {
      Object coll = c.getConstructor().newInstance();
      Class<?> el = (Class<?>) ((ParameterizedType) c.getGenericSuperclass()).getActualTypeArguments()[0];
      int n = r.nextInt(4);
      for (int i = 0; i < n; i++) { Object e = el.getConstructor().newInstance(); fill(e);
        Field nf = el.getDeclaredField("name"); nf.setAccessible(true); nf.set(e, "n" + i + nf.get(e));
        ((ImplicitLinkedHashCollection) coll).add((ImplicitLinkedHashCollection.Element) e); }
      return coll;
    }
    Object o = c.getConstructor().newInstance(); fill(o); return o;
  }
  static List<Field> fields(Class<?> c) {
    List<Field> l = new ArrayList<>();
    for (Field f : c.getDeclaredFields()) if (!Modifier.isStatic(f.getModifiers()) && !f.getName().startsWith("_") && !f.getName().equals("next") && !f.getName().equals("prev")) { f.setAccessible(true); l.add(f); }
    return l;
  }
  static void fill(Object o) throws Exception {
    for (Field f : fields(o.getClass())) {
      if (r.nextInt(4) == 0 && !KEEP.contains(f.getName())) continue; // stays at its default
      f.set(o, value(f, f.getGenericType(), f.getName(), o.getClass()));
    }
    for (Field f : fields(o.getClass())) if (KEEP.contains(f.getName())) f.set(o, value(f, f.getGenericType(), f.getName(), o.getClass()));
  }
  static void walk(Object o, java.util.function.Consumer<Object> each) throws Exception {
    if (o == null) return;
    if (o instanceof Message) { each.accept(o); for (Field f : fields(o.getClass())) walk(f.get(o), each); }
    else if (o instanceof Collection<?> c) for (Object e : c) walk(e, each);
  }
  static void size(ApiMessage m, short v) { m.size(new ObjectSerializationCache(), v); MessageUtil.toByteBufferAccessor(m, v); }
  /** Makes the message fit the version, then tries nulls. */
  static void fit(ApiMessage m, short v) throws Exception {
    while (true) {
      try { size(m, v); break; }
      catch (org.apache.kafka.common.errors.UnsupportedVersionException e) {
        String name = e.getMessage().replaceAll(".*non-default (\\w+) at version.*", "$1");
        walk(m, o -> { try { for (Field f : fields(o.getClass())) if (f.getName().equals(name)) f.set(o, f.get(o.getClass().getConstructor().newInstance())); } catch (Exception x) { throw new RuntimeException(x); } });
      }
    }
    List<Object[]> slots = new ArrayList<>();
    walk(m, o -> { for (Field f : fields(o.getClass())) if (!f.getType().isPrimitive()) slots.add(new Object[]{o, f}); });
    for (Object[] s : slots) if (r.nextInt(3) == 0) {
      Field f = (Field) s[1]; Object old = f.get(s[0]);
      f.set(s[0], null);
      try { size(m, v); } catch (Exception e) { f.set(s[0], old); }
    }
  }
  static String hex(byte[] b) { return HexFormat.of().formatHex(b); }
  static byte[] prefixed(short prefix, byte[] body) { ByteBuffer b = ByteBuffer.allocate(2 + body.length); b.putShort(prefix); b.put(body); return b.array(); }
  static byte[] body(ApiMessage m, short v) { ByteBuffer b = MessageUtil.toByteBufferAccessor(m, v).buffer(); byte[] o = new byte[b.remaining()]; b.get(o); return o; }

  static void metadata(PrintWriter out) throws Exception {
    MetadataRecordSerde serde = new MetadataRecordSerde();
    for (MetadataRecordType t : MetadataRecordType.values())
      for (short v = t.lowestSupportedVersion(); v <= t.highestSupportedVersion(); v++)
        for (int i = 0; i < 4; i++) {
          ApiMessage m = t.newMetadataRecord(); fill(m); fit(m, v);
          ApiMessageAndVersion mv = new ApiMessageAndVersion(m, v);
          ObjectSerializationCache c = new ObjectSerializationCache();
          ByteBuffer b = ByteBuffer.allocate(serde.recordSize(mv, c));
          serde.write(mv, c, new ByteBufferAccessor(b));
          String json = "{\"type\":\"" + t + "\",\"version\":" + v + ",\"data\":" + MetadataJsonConverters.writeJson(m, v) + "}";
          out.println(hex(b.array()) + "\t" + json);
        }
  }
  static void coordinator(PrintWriter out, String pkg, String parserName) throws Exception {
    Class<?> types = Class.forName(pkg + ".CoordinatorRecordType");
    Class<?> pc = Class.forName("org.apache.kafka.tools.DumpLogSegments$" + parserName);
    Constructor<?> ctor = pc.getDeclaredConstructor(); ctor.setAccessible(true); Object parser = ctor.newInstance();
    Method parse = pc.getMethod("parse", org.apache.kafka.common.record.internal.Record.class); parse.setAccessible(true);
    for (Object t : types.getEnumConstants()) {
      short id = (short) types.getMethod("id").invoke(t);
      ApiMessage probe = (ApiMessage) types.getMethod("newRecordValue").invoke(t);
      for (short v = probe.lowestSupportedVersion(); v <= probe.highestSupportedVersion(); v++)
        for (int i = 0; i < 4; i++) {
          ApiMessage k = (ApiMessage) types.getMethod("newRecordKey").invoke(t); fill(k); fit(k, (short) 0);
          ApiMessage m = (ApiMessage) types.getMethod("newRecordValue").invoke(t); fill(m);
          if (m instanceof org.apache.kafka.coordinator.group.generated.GroupMetadataValue g && i > 0) {
            g.setProtocolType("consumer");
            for (var member : g.members()) {
              var tps = List.of(new TopicPartition("t", 0), new TopicPartition("t", 5), new TopicPartition("u.v", 1));
              var ud = ByteBuffer.wrap(bytes());
              short sv = (short) r.nextInt(4);
              member.setSubscription(org.apache.kafka.common.utils.Utils.toArray(ConsumerProtocol.serializeSubscription(new ConsumerPartitionAssignor.Subscription(List.of("t", "u.v"), r.nextBoolean() ? ud : null, tps, r.nextInt(9) - 1, r.nextBoolean() ? Optional.of("rack") : Optional.empty()), sv)));
              member.setAssignment(r.nextInt(4) == 0 ? bytes() : org.apache.kafka.common.utils.Utils.toArray(ConsumerProtocol.serializeAssignment(new ConsumerPartitionAssignor.Assignment(tps, r.nextBoolean() ? ud : null), sv)));
            }
          }
          fit(m, v);
          byte[] kb = prefixed(id, body(k, (short) 0)), vb = prefixed(v, body(m, v));
          var records = org.apache.kafka.common.record.internal.MemoryRecords.withRecords(Compression.NONE, new org.apache.kafka.common.record.internal.SimpleRecord(0, kb, vb));
          Object res = parse.invoke(parser, records.records().iterator().next());
          Method km = res.getClass().getMethod("key"), vm = null;
          for (Method x : res.getClass().getMethods()) if (x.getName().equals("value") || x.getName().equals("payload")) vm = x;
          km.setAccessible(true); vm.setAccessible(true);
          out.println(hex(kb) + "\t" + hex(vb) + "\t" + ((Optional<?>) km.invoke(res)).get() + "\t" + ((Optional<?>) vm.invoke(res)).get());
        }
    }
  }
  public static void main(String[] a) throws Exception {
    try (PrintWriter o = new PrintWriter(Files.newBufferedWriter(Path.of("metadata.txt")))) { metadata(o); }
    try (PrintWriter o = new PrintWriter(Files.newBufferedWriter(Path.of("groups.txt")))) { coordinator(o, "org.apache.kafka.coordinator.group.generated", "OffsetsMessageParser"); }
    try (PrintWriter o = new PrintWriter(Files.newBufferedWriter(Path.of("share_groups.txt")))) { coordinator(o, "org.apache.kafka.coordinator.share.generated", "ShareGroupStateMessageParser"); }
    try (PrintWriter o = new PrintWriter(Files.newBufferedWriter(Path.of("transactions.txt")))) { coordinator(o, "org.apache.kafka.coordinator.transaction.generated", "TransactionLogMessageParser"); }
  }
}
