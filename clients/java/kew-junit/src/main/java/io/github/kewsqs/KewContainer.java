package io.github.kewsqs;

import java.util.List;
import java.util.Map;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.utility.DockerImageName;

/** Kew in a container, for those who have Testcontainers. */
public class KewContainer extends GenericContainer<KewContainer> {
    static final int PORT = 9324;
    /** In the first line that kew prints. */
    static final String READY = ".*Ready\\.\\s*";

    public KewContainer(String image) { this(DockerImageName.parse(image)); }

    public KewContainer(DockerImageName image) {
        super(image);
        withExposedPorts(PORT);
        // It listens at all addresses of its container, and would ask for a token.
        withEnv("KEW_CONTROL", "on");
        waitingFor(Wait.forLogMessage(READY, 1));
    }

    /** Where it is, also for KEW_URL and the system property kew.url. */
    public String url() { return "http://" + getHost() + ":" + getMappedPort(PORT); }

    /** A namespace in it, until that is closed. */
    public KewControl control(String... queues) {
        return new KewServer(url(), null).namespace("container", url(), Map.of("queues", List.of(queues)));
    }
}
