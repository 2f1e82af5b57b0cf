import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Scanner;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * A transactional producer that is told what to do, a command a line: see cases/transactors.py. Arguments: BOOTSTRAP.
 */
public final class Transactor {
    public static void main(String[] args) {
        KafkaProducer<String, String> producer = null;
        var commands = new Scanner(System.in);
        while (commands.hasNextLine()) {
            var words = commands.nextLine().split(" ");
            var answer = "ok";
            try {
                switch (words[0]) {
                    case "init" -> {
                        producer = new KafkaProducer<>(settings(args[0], words[1], words[2]),
                            new StringSerializer(), new StringSerializer());
                        producer.initTransactions();
                    }
                    case "begin" -> producer.beginTransaction();
                    case "send" -> {
                        var sent = producer.send(new ProducerRecord<>(words[1], Integer.parseInt(words[2]), null, words[3]));
                        producer.flush();
                        sent.get();
                    }
                    case "offset" -> producer.sendOffsetsToTransaction(
                        Map.of(new TopicPartition(words[2], Integer.parseInt(words[3])),
                            new OffsetAndMetadata(Long.parseLong(words[4]))),
                        new ConsumerGroupMetadata(words[1]));
                    case "commit" -> producer.commitTransaction();
                    case "abort" -> producer.abortTransaction();
                    default -> throw new IllegalArgumentException(words[0]);
                }
            } catch (Exception error) {
                var cause = error.getCause() == null ? error : error.getCause();
                answer = "refused " + cause.toString().replace('\n', ' ');
            }
            System.out.println(answer);
        }
        if (producer != null) {
            producer.close(Duration.ZERO);
        }
    }

    private static Map<String, Object> settings(String bootstrap, String id, String timeout) {
        var settings = new HashMap<String, Object>();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("transactional.id", id);
        settings.put("transaction.timeout.ms", timeout);
        settings.put("delivery.timeout.ms", 30_000);
        settings.put("request.timeout.ms", 10_000);
        settings.put("max.block.ms", 30_000);
        settings.put("linger.ms", 0);
        return settings;
    }
}
