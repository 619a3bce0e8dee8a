/** The AWS SDK for Java 1.x against kew, a version that speaks the JSON protocol. */
public class Main {
    public static void main(String[] arguments) {
        V1Core.run("The specified queue does not exist.");
    }
}
