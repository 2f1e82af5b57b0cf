import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs many of Kafka's command line tools in one process. Each line of standard input is a class
 * and its arguments, with tabs between; each run prints what the tool printed, and a line that
 * begins with a NUL and says how it ended.
 */
public class Tools {
    public static void main(String[] args) throws Exception {
        PrintStream out = System.out;
        Exit.setExitProcedure((code, message) -> {
            throw new Ended(code);
        });
        Exit.setHaltProcedure((code, message) -> {
            throw new Ended(code);
        });
        BufferedReader in =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            String[] parts = line.split("\t", -1);
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            PrintStream told = new PrintStream(bytes, true, StandardCharsets.UTF_8);
            System.setOut(told);
            System.setErr(told);
            Ended.first = null;
            String end = "0";
            try {
                Class.forName(parts[0]).getMethod("main", String[].class)
                    .invoke(null, (Object) Arrays.copyOfRange(parts, 1, parts.length));
            } catch (InvocationTargetException e) {
                end = e.getCause().getClass().getSimpleName();
            }
            if (Ended.first != null) {
                end = String.valueOf(Ended.first.code);
            }
            out.print(bytes.toString(StandardCharsets.UTF_8));
            out.print("\0" + end + "\n");
            out.flush();
        }
    }

    /** A tool wants to end the process. */
    static class Ended extends RuntimeException {
        static Ended first;
        final int code;

        Ended(int code) {
            super("", null, false, false);
            this.code = code;
            if (first == null) {
                first = this;
            }
        }

        @Override
        public void printStackTrace(PrintStream out) {
            // The tool has said what it had to say.
        }
    }
}
