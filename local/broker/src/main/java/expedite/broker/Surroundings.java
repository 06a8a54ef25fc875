package expedite.broker;

import java.nio.file.Path;
import java.util.Optional;

/** What Amazon MQ decides for a broker and a configuration can't say: where it listens and where it stores. */
record Surroundings(Path data, int amqpPort, int openWirePort, Optional<KeyStore> keyStore) {}
