import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Kafka's client for Java. It is compiled once, against the oldest version that brokers still speak
 * with (2.1), and runs with the jars of each version.
 */
final class Library {
    private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
    private static final int PARTITIONS = 3;
    private static final int RECORDS = 300;
    private static final long FIRST_TIME = 1700000000000L;
    private static final long SOUGHT = FIRST_TIME + 150_000;

    public static void main(String[] args) throws Exception {
        if (args[0].equals("scenario")) {
            scenario(args[1], args[2]);
        } else {
            member(args[1], args[2], args[3], args[4]);
        }
    }

    private static void scenario(String bootstrap, String prefix) throws Exception {
        List<String> topics = CODECS.stream().map(codec -> prefix + "-" + codec).collect(Collectors.toList());
        try (AdminClient admin = AdminClient.create(settings(bootstrap))) {
            admin.createTopics(topics.stream().map(topic -> new NewTopic(topic, PARTITIONS, (short) 1))
                .collect(Collectors.toList())).all().get();
            List<String> read = new ArrayList<>();
            for (String codec : CODECS) {
                write(bootstrap, prefix + "-" + codec, codec);
                read.add(quoted(codec) + ":" + list(read(bootstrap, prefix + "-" + codec).stream().map(Library::quoted)));
            }
            String offsets = offsets(bootstrap, topics.get(0));
            admin.deleteTopics(topics).all().get();
            System.out.println("{\"read\":{" + String.join(",", read) + "}," + offsets + ",\"left\":"
                + list(left(admin, prefix).stream().map(Library::quoted)) + "}");
        }
    }

    /** A broker may learn a little later than the controller that they are gone. */
    private static List<String> left(AdminClient admin, String prefix) throws Exception {
        List<String> left = List.of();
        for (int tries = 0; tries == 0 || tries < 300 && !left.isEmpty(); tries++) {
            Thread.sleep(100);
            left = admin.listTopics().names().get().stream().filter(name -> name.startsWith(prefix + "-"))
                .collect(Collectors.toList());
        }
        return left;
    }

    private static void write(String bootstrap, String topic, String codec) throws Exception {
        Properties settings = settings(bootstrap);
        settings.put("compression.type", codec);
        settings.put("enable.idempotence", true);
        settings.put("linger.ms", 20);
        settings.put("key.serializer", ByteArraySerializer.class.getName());
        settings.put("value.serializer", ByteArraySerializer.class.getName());
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings)) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int i = 0; i < RECORDS; i++) {
                byte[] key = i % 14 == 0 ? null : bytes("key-" + i);
                byte[] value = i % 22 == 11 ? null : bytes("value-" + i + "-" + "x".repeat(i % 50));
                List<Header> headers = i % 2 != 0 ? List.of()
                    : List.of(new RecordHeader("h", bytes("" + i)), new RecordHeader("empty", new byte[0]));
                sent.add(producer.send(new ProducerRecord<>(topic, i % PARTITIONS, FIRST_TIME + i * 1000L, key, value, headers)));
            }
            for (Future<RecordMetadata> each : sent) {
                each.get();
            }
        }
    }

    private static List<String> read(String bootstrap, String topic) {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(settings(bootstrap))) {
            List<TopicPartition> partitions = partitions(topic);
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            List<String> lines = new ArrayList<>();
            while (lines.size() < RECORDS) {
                consumer.poll(Duration.ofSeconds(30)).forEach(each -> lines.add(line(each)));
            }
            return lines;
        }
    }

    private static String offsets(String bootstrap, String topic) {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(settings(bootstrap))) {
            List<TopicPartition> partitions = partitions(topic);
            Map<TopicPartition, Long> first = consumer.beginningOffsets(partitions);
            Map<TopicPartition, Long> last = consumer.endOffsets(partitions);
            Map<TopicPartition, Long> times = partitions.stream().collect(Collectors.toMap(Function.identity(), each -> SOUGHT));
            Map<TopicPartition, Long> sought = consumer.offsetsForTimes(times).entrySet().stream()
                .collect(Collectors.toMap(Map.Entry::getKey, each -> each.getValue().offset()));
            return "\"offsets\":{\"earliest\":" + numbers(partitions, first) + ",\"latest\":" + numbers(partitions, last)
                + ",\"sought\":" + numbers(partitions, sought) + "},\"partitions\":" + consumer.partitionsFor(topic).size();
        }
    }

    private static void member(String bootstrap, String group, String topic, String protocol) {
        Properties settings = settings(bootstrap);
        settings.put("group.id", group);
        if (protocol.equals("consumer")) {
            settings.put("group.protocol", "consumer"); // versions before 3.7 do not know the name
        } else {
            settings.put("session.timeout.ms", 6000);
            settings.put("heartbeat.interval.ms", 500);
        }
        Stopping stopping = new Stopping(Thread.currentThread());
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(settings)) {
            consumer.subscribe(Collections.singletonList(topic));
            while (!stopping.now) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(200));
                records.forEach(each -> System.out.println(each.partition() + " " + each.offset()));
                System.out.flush();
                if (!records.isEmpty()) {
                    commit(consumer);
                }
            }
        }
        stopping.ended = true;
    }

    private static void commit(KafkaConsumer<byte[], byte[]> consumer) {
        try {
            consumer.commitSync();
        } catch (KafkaException problem) {
            System.err.println(problem); // most often it is not ours any more: another goes on
        }
    }

    /** Becomes true with SIGTERM; the process then ends with 0, if the member leaves. */
    private static final class Stopping {
        volatile boolean now;
        volatile boolean ended;

        Stopping(Thread member) {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                now = true;
                try {
                    member.join();
                } catch (InterruptedException ignored) {
                    Thread.currentThread().interrupt();
                }
                System.out.flush();
                Runtime.getRuntime().halt(ended ? 0 : 1);
            }));
        }
    }

    private static KafkaConsumer<byte[], byte[]> consumer(Properties settings) {
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", false);
        settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
        settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
        return new KafkaConsumer<>(settings);
    }

    private static Properties settings(String bootstrap) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        return settings;
    }

    private static List<TopicPartition> partitions(String topic) {
        return IntStream.range(0, PARTITIONS).mapToObj(number -> new TopicPartition(topic, number)).collect(Collectors.toList());
    }

    private static String line(ConsumerRecord<byte[], byte[]> record) {
        List<String> told = new ArrayList<>();
        record.headers().forEach(each -> told.add(each.key() + "=" + hex(each.value())));
        return record.partition() + " " + record.offset() + " " + record.timestamp() + " " + shown(record.key()) + " "
            + shown(record.value()) + " " + String.join(",", told);
    }

    private static String shown(byte[] data) {
        return data == null ? "null" : data.length == 0 ? "empty" : hex(data);
    }

    private static String hex(byte[] data) {
        StringBuilder text = new StringBuilder();
        for (byte each : data) {
            text.append(String.format("%02x", each));
        }
        return text.toString();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String quoted(String text) {
        return '"' + text + '"'; // nothing here holds what JSON would escape
    }

    private static String numbers(Collection<TopicPartition> partitions, Map<TopicPartition, Long> found) {
        return list(partitions.stream().map(each -> String.valueOf(found.get(each))));
    }

    private static String list(Stream<String> items) {
        return items.collect(Collectors.joining(",", "[", "]"));
    }

    private Library() {
    }
}
