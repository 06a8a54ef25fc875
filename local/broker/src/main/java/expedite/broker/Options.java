package expedite.broker;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The command line.
 *
 * @param specification JSON: the configuration from the template and the users
 * @param data the folder of the store; starting again on it keeps every message
 * @param amqpPort where producers connect, as they do on 5671 of Amazon MQ
 * @param openWirePort where the event source mapping connects, as it does on 61617
 * @param keyStore the broker's key and certificate; without it the connectors speak no TLS
 */
record Options(Path specification, Path data, int amqpPort, int openWirePort, Optional<KeyStore> keyStore) {

  private static final String USAGE =
      "usage: --spec FILE --data FOLDER --amqp-port N --openwire-port N"
          + " [--key-store FILE.p12 --key-store-password-file FILE]";

  private static final Set<String> NAMES =
      Set.of("--spec", "--data", "--amqp-port", "--openwire-port", "--key-store", "--key-store-password-file");

  static Options parse(String... arguments) throws Exception {
    Map<String, String> given = pairs(arguments);
    return new Options(
        Path.of(required(given, "--spec")),
        Path.of(required(given, "--data")).toAbsolutePath(),
        port(given, "--amqp-port"),
        port(given, "--openwire-port"),
        keyStore(given));
  }

  Surroundings surroundings() {
    return new Surroundings(data, amqpPort, openWirePort, keyStore);
  }

  private static Map<String, String> pairs(String[] arguments) {
    var given = new HashMap<String, String>();
    for (int i = 0; i < arguments.length; i += 2) {
      if (!NAMES.contains(arguments[i]) || i + 1 == arguments.length) {
        throw new IllegalArgumentException("unexpected " + arguments[i] + "\n" + USAGE);
      }
      given.put(arguments[i], arguments[i + 1]);
    }
    return given;
  }

  private static String required(Map<String, String> given, String name) {
    String value = given.get(name);
    if (value == null) {
      throw new IllegalArgumentException(name + " is missing\n" + USAGE);
    }
    return value;
  }

  private static int port(Map<String, String> given, String name) {
    String value = required(given, name);
    try {
      int port = Integer.parseInt(value);
      if (port > 0 && port < 65_536) {
        return port;
      }
    } catch (NumberFormatException notANumber) {
      // Told below, as a number out of range is.
    }
    throw new IllegalArgumentException(name + " wants a port, not " + value);
  }

  private static Optional<KeyStore> keyStore(Map<String, String> given) throws Exception {
    if (!given.containsKey("--key-store")) {
      return Optional.empty();
    }
    String password = Files.readString(Path.of(required(given, "--key-store-password-file"))).strip();
    return Optional.of(new KeyStore(Path.of(given.get("--key-store")).toAbsolutePath(), password));
  }
}
