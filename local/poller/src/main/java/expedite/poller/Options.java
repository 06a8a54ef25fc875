package expedite.poller;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The command line.
 *
 * @param openWireUrl the broker, {@code ssl://host:port} or {@code tcp://host:port}. Lambda asks Amazon MQ for it
 *     ({@code mq:DescribeBroker}); here the launcher knows it
 * @param trustStore who may have signed the broker's certificate; without it, the authorities that the JDK trusts
 */
record Options(String openWireUrl, Optional<TrustStore> trustStore) {

  private static final String USAGE =
      "usage: --openwire-url URL [--trust-store FILE.p12 --trust-store-password-file FILE]";

  private static final Set<String> NAMES = Set.of("--openwire-url", "--trust-store", "--trust-store-password-file");

  /** A PKCS12 file with the certificates to trust. */
  record TrustStore(Path file, String password) {}

  static Options parse(String... arguments) throws Exception {
    Map<String, String> given = pairs(arguments);
    return new Options(required(given, "--openwire-url"), trustStore(given));
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

  private static Optional<TrustStore> trustStore(Map<String, String> given) throws Exception {
    if (!given.containsKey("--trust-store")) {
      return Optional.empty();
    }
    String password = Files.readString(Path.of(required(given, "--trust-store-password-file"))).strip();
    return Optional.of(new TrustStore(Path.of(given.get("--trust-store")).toAbsolutePath(), password));
  }
}
