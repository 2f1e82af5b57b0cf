import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Scanner;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Kafka's own clients, driven by lines of text. Bytes are written as "x" and hex digits, null as "-".
 *
 *   read BOOTSTRAP ISOLATION TOPIC...
 *       every record there is now, one a line, tab-separated:
 *       topic partition offset timestamp timestampType leaderEpoch key value header...
 *       where a header is name:value, the name in hex too
 *   write BOOTSTRAP NAME=VALUE...
 *       producer settings, then commands on standard input, tab-separated:
 *       send TOPIC PARTITION TIMESTAMP KEY VALUE HEADER... ("-": the producer's choice)
 *       begin    commit    abort    flush
 *       offset GROUP TOPIC PARTITION OFFSET    die (leaves at once, whatever is open stays open)
 *   group BOOTSTRAP GROUP TOPIC PARTITION OFFSET
 *       commits an offset for a classic group
 *   committed BOOTSTRAP GROUP TOPIC PARTITION
 *       prints it
 */
public final class Clients {
    private static final HexFormat HEX = HexFormat.of();

    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "read" -> read(args[1], args[2], List.of(args).subList(3, args.length));
            case "write" -> write(args[1], List.of(args).subList(2, args.length));
            case "group" -> {
                try (var consumer = consumer(args[1], Map.of("group.id", args[2]))) {
                    consumer.commitSync(Map.of(new TopicPartition(args[3], Integer.parseInt(args[4])),
                        new OffsetAndMetadata(Long.parseLong(args[5]))));
                }
            }
            case "committed" -> {
                try (var consumer = consumer(args[1], Map.of("group.id", args[2]))) {
                    var partition = new TopicPartition(args[3], Integer.parseInt(args[4]));
                    var found = consumer.committed(java.util.Set.of(partition)).get(partition);
                    System.out.println(found == null ? "-" : found.offset());
                }
            }
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    private static KafkaConsumer<byte[], byte[]> consumer(String bootstrap, Map<String, Object> more) {
        Map<String, Object> settings = new HashMap<>(more);
        settings.put("bootstrap.servers", bootstrap);
        settings.put("enable.auto.commit", false);
        settings.put("fetch.max.bytes", 100 << 20);
        settings.put("max.partition.fetch.bytes", 100 << 20);
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private static void read(String bootstrap, String isolation, List<String> topics) {
        try (var consumer = consumer(bootstrap, Map.of("isolation.level", isolation))) {
            List<TopicPartition> partitions = new ArrayList<>();
            for (String topic : topics) {
                consumer.partitionsFor(topic).forEach(it -> partitions.add(new TopicPartition(topic, it.partition())));
            }
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            StringBuilder out = new StringBuilder();
            while (partitions.stream().anyMatch(it -> consumer.position(it) < ends.get(it))) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                    print(record, out);
                }
                System.out.print(out);
                out.setLength(0);
            }
            System.out.flush();
        }
    }

    private static void print(ConsumerRecord<byte[], byte[]> record, StringBuilder out) {
        out.append(record.topic()).append('\t').append(record.partition()).append('\t').append(record.offset())
            .append('\t').append(record.timestamp()).append('\t').append(record.timestampType().name)
            .append('\t').append(record.leaderEpoch().orElse(-1))
            .append('\t').append(hex(record.key())).append('\t').append(hex(record.value()));
        for (Header header : record.headers()) {
            out.append('\t').append(hex(header.key().getBytes(java.nio.charset.StandardCharsets.UTF_8)))
                .append(':').append(hex(header.value()));
        }
        out.append('\n');
    }

    private static void write(String bootstrap, List<String> given) throws Exception {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("acks", "all");
        settings.put("linger.ms", 5);
        for (String setting : given) {
            String[] pair = setting.split("=", 2);
            settings.put(pair[0], pair[1]);
        }
        try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            if (settings.containsKey("transactional.id")) {
                producer.initTransactions();
            }
            Scanner lines = new Scanner(System.in, java.nio.charset.StandardCharsets.UTF_8);
            List<java.util.concurrent.Future<?>> sent = new ArrayList<>();
            while (lines.hasNextLine()) {
                String[] field = lines.nextLine().split("\t", -1);
                switch (field[0]) {
                    case "send" -> {
                        var record = new ProducerRecord<>(field[1],
                            field[2].equals("-") ? null : Integer.valueOf(field[2]),
                            field[3].equals("-") ? null : Long.valueOf(field[3]), bytes(field[4]), bytes(field[5]));
                        for (int i = 6; i < field.length; i++) {
                            String[] pair = field[i].split(":");
                            record.headers().add(new RecordHeader(
                                new String(bytes(pair[0]), java.nio.charset.StandardCharsets.UTF_8), bytes(pair[1])));
                        }
                        sent.add(producer.send(record));
                    }
                    case "begin" -> producer.beginTransaction();
                    case "commit" -> producer.commitTransaction();
                    case "abort" -> producer.abortTransaction();
                    case "flush" -> producer.flush();
                    case "offset" -> {
                        try (var consumer = consumer(bootstrap, Map.of("group.id", field[1]))) {
                            producer.sendOffsetsToTransaction(
                                Map.of(new TopicPartition(field[2], Integer.parseInt(field[3])),
                                    new OffsetAndMetadata(Long.parseLong(field[4]))),
                                consumer.groupMetadata());
                        }
                    }
                    case "die" -> {
                        producer.flush();
                        Runtime.getRuntime().halt(0);
                    }
                    default -> throw new IllegalArgumentException(field[0]);
                }
            }
            producer.flush();
            for (var each : sent) {
                each.get();
            }
        }
    }

    private static String hex(byte[] bytes) {
        return bytes == null ? "-" : "x" + HEX.formatHex(bytes);
    }

    private static byte[] bytes(String text) {
        return text.equals("-") ? null : HEX.parseHex(text.substring(1));
    }
}
