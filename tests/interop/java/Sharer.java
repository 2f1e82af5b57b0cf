import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Scanner;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListShareGroupOffsetsSpec;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * A share consumer that is told what to do, a command a line: see cases/share_groups.py. Arguments: BOOTSTRAP.
 */
public final class Sharer {
    private static final List<ConsumerRecord<String, String>> RECORDS = new ArrayList<>();

    public static void main(String[] args) {
        KafkaShareConsumer<String, String> consumer = null;
        var admin = Admin.create(Map.of("bootstrap.servers", args[0]));
        var commands = new Scanner(System.in);
        while (commands.hasNextLine()) {
            var words = commands.nextLine().split(" ");
            var answer = "ok";
            try {
                switch (words[0]) {
                    case "set" -> admin.incrementalAlterConfigs(Map.of(
                        new ConfigResource(ConfigResource.Type.GROUP, words[1]),
                        List.of(new AlterConfigOp(new ConfigEntry(words[2], words[3]), AlterConfigOp.OpType.SET)))).all().get();
                    case "open" -> {
                        consumer = new KafkaShareConsumer<>(
                            Map.of("bootstrap.servers", args[0], "group.id", words[1], "share.acknowledgement.mode", "explicit"),
                            new StringDeserializer(), new StringDeserializer());
                        consumer.subscribe(List.of(words[2]));
                    }
                    case "poll" -> answer = poll(consumer, Long.parseLong(words[1]));
                    case "ack" -> {
                        for (var record : RECORDS) {
                            if (record.value().equals(words[1])) {
                                consumer.acknowledge(record, AcknowledgeType.valueOf(words[2]));
                            }
                        }
                    }
                    case "commit" -> {
                        for (var outcome : consumer.commitSync().values()) {
                            answer = outcome.map(error -> "refused " + error.getClass().getSimpleName()).orElse(answer);
                        }
                    }
                    case "close" -> {
                        consumer.close(Duration.ofSeconds(10));
                        consumer = null;
                    }
                    case "offsets" -> answer = "ok " + offsets(admin, words[1]);
                    case "members" -> answer = "ok " + admin.describeShareGroups(List.of(words[1])).all().get()
                        .get(words[1]).members().size();
                    default -> throw new IllegalArgumentException(words[0]);
                }
            } catch (Exception error) {
                var cause = error.getCause() == null ? error : error.getCause();
                answer = "refused " + cause.getClass().getSimpleName();
                System.err.println(cause);
            }
            System.out.println(answer);
        }
        admin.close();
    }

    /** What comes until something does, or the time is up. */
    private static String poll(KafkaShareConsumer<String, String> consumer, long patienceMs) {
        RECORDS.clear();
        var until = System.currentTimeMillis() + patienceMs;
        while (RECORDS.isEmpty() && System.currentTimeMillis() < until) {
            consumer.poll(Duration.ofMillis(200)).forEach(RECORDS::add);
        }
        var answer = new StringBuilder("ok");
        for (var record : RECORDS) {
            answer.append(' ').append(record.partition()).append(':').append(record.offset()).append(':').append(record.value())
                .append(':').append(record.deliveryCount().get());
        }
        return answer.toString();
    }

    private static Map<String, Long> offsets(Admin admin, String group) throws Exception {
        var found = new TreeMap<String, Long>();
        admin.listShareGroupOffsets(Map.of(group, new ListShareGroupOffsetsSpec())).partitionsToOffsetInfo(group).get()
            .forEach((partition, info) -> found.put(partition.toString(), info == null ? null : info.startOffset()));
        return found;
    }
}
