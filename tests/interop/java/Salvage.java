import java.io.File;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.zip.CRC32;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.server.util.KafkaScheduler;
import org.apache.kafka.storage.internals.log.LogConfig;
import org.apache.kafka.storage.internals.log.LogDirFailureChannel;
import org.apache.kafka.storage.internals.log.ProducerStateManagerConfig;
import org.apache.kafka.storage.internals.log.UnifiedLog;
import org.apache.kafka.storage.log.metrics.BrokerTopicStats;

/**
 * What Kafka makes of damaged partitions. Prints a line for each record that is there:
 * topic, offset, and the CRC-32 of key and value, each behind its length (null: -1).
 * A topic that failed gets a line: topic, "!", why.
 *
 *   recover DATA PREFIX
 *       loads each partition as a broker does after an unclean stop that trusts nothing
 *       (no recovery point), in its own directory, and reads what is left
 *   read BOOTSTRAP PREFIX
 *       consumes each topic of a running broker from its beginning to its end
 */
public final class Salvage {
    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "recover" -> recover(new File(args[1]), args[2]);
            case "read" -> read(args[1], args[2]);
            default -> throw new IllegalArgumentException(args[0]);
        }
        System.out.flush();
        System.exit(0);
    }

    private static void recover(File data, String prefix) {
        var scheduler = new KafkaScheduler(1);
        scheduler.startup();
        var directories = data.listFiles((directory, name) -> name.startsWith(prefix));
        Arrays.sort(directories);
        for (File directory : directories) {
            var topic = directory.getName().substring(0, directory.getName().lastIndexOf('-'));
            var lines = new StringBuilder();
            try {
                var log = UnifiedLog.create(directory, new LogConfig(Map.of()), 0, 0, scheduler,
                    new BrokerTopicStats(), Time.SYSTEM, 900_000,
                    new ProducerStateManagerConfig(86_400_000, false), 600_000,
                    new LogDirFailureChannel(1), false, Optional.empty());
                for (var segment : log.logSegments()) {
                    for (RecordBatch batch : segment.log().batches()) {
                        batch.ensureValid();
                        if (!batch.isControlBatch()) {
                            for (Record record : batch) {
                                line(lines, topic, record.offset(), bytes(record.key()), bytes(record.value()));
                            }
                        }
                    }
                }
            } catch (Throwable problem) {
                lines.append(topic).append("\t!\t").append(oneLine(problem)).append('\n');
            }
            System.out.print(lines);
        }
    }

    private static void read(String bootstrap, String prefix) {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "earliest",
            "enable.auto.commit", "false", "max.poll.records", "10000",
            // The wait for more of the topic before would hold up the first fetch of the next.
            "fetch.max.wait.ms", "1");
        try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            for (String topic : new TreeMap<>(consumer.listTopics()).keySet()) {
                if (topic.startsWith(prefix)) {
                    read(consumer, new TopicPartition(topic, 0));
                }
            }
        }
    }

    private static void read(KafkaConsumer<byte[], byte[]> consumer, TopicPartition partition) {
        var only = java.util.List.of(partition);
        var lines = new StringBuilder();
        try {
            consumer.assign(only);
            consumer.seekToBeginning(only);
            long end = consumer.endOffsets(only).get(partition);
            long give_up = System.currentTimeMillis() + 20_000;
            while (consumer.position(partition) < end) {
                for (var record : consumer.poll(Duration.ofMillis(200))) {
                    line(lines, partition.topic(), record.offset(), record.key(), record.value());
                }
                if (System.currentTimeMillis() > give_up) {
                    throw new IllegalStateException("stands at " + consumer.position(partition) + " of " + end);
                }
            }
        } catch (RuntimeException problem) {
            lines.append(partition.topic()).append("\t!\t").append(oneLine(problem)).append('\n');
        }
        System.out.print(lines);
    }

    private static void line(StringBuilder out, String topic, long offset, byte[] key, byte[] value) {
        var crc = new CRC32();
        for (byte[] part : new byte[][] {key, value}) {
            crc.update(ByteBuffer.allocate(4).putInt(part == null ? -1 : part.length).array());
            if (part != null) {
                crc.update(part);
            }
        }
        out.append(topic).append('\t').append(offset).append('\t')
            .append(String.format("%08x", crc.getValue())).append('\n');
    }

    private static byte[] bytes(ByteBuffer buffer) {
        if (buffer == null) {
            return null;
        }
        var bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return bytes;
    }

    private static String oneLine(Throwable problem) {
        return problem.toString().replaceAll("\\s+", " ");
    }
}
