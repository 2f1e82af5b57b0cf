import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;

/**
 * Reads commands from standard input, one a line, and answers each with one line.
 * Holds at most one lock of the file named on the command line, as Kafka's FileLock does:
 * "try shared", "try exclusive", "wait shared", "wait exclusive", "release".
 */
public class JavaLock {
    public static void main(String[] arguments) throws Exception {
        FileChannel channel = new RandomAccessFile(arguments[0], "rw").getChannel();
        FileLock held = null;
        System.out.println("ready");
        var input = new java.io.BufferedReader(new java.io.InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            if (line.equals("release")) {
                held.release();
                System.out.println("released");
                continue;
            }
            boolean shared = line.endsWith("shared");
            if (line.startsWith("try")) {
                held = channel.tryLock(0, Long.MAX_VALUE, shared);
            } else {
                System.out.println("waiting");
                held = channel.lock(0, Long.MAX_VALUE, shared);
            }
            System.out.println(held == null ? "refused" : "locked");
        }
    }
}
