package expedite.broker;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.activemq.broker.BrokerFactory;
import org.apache.activemq.broker.BrokerService;
import org.springframework.beans.factory.BeanDefinitionStoreException;

/**
 * Starts ActiveMQ Classic with the configuration that stands in the template, prints {@code READY} and runs until it is
 * told to stop.
 *
 * <p>Exit codes: 1 the broker could not start or stopped by itself, 2 the command line or the specification is wrong.
 */
public final class Main {

  private Main() {}

  public static void main(String[] arguments) {
    Path configuration;
    try {
      configuration = write(Options.parse(arguments));
    } catch (Exception wrong) {
      fail(2, wrong);
      return;
    }
    try {
      run(configuration);
    } catch (BeanDefinitionStoreException wrong) {
      fail(2, wrong);
    } catch (Exception broken) {
      fail(1, broken);
    }
  }

  /** The document that the broker runs is left in its data folder, where a developer can look at it. */
  private static Path write(Options options) throws Exception {
    Files.createDirectories(options.data());
    var document = Configuration.assemble(Specification.read(options.specification()), options.surroundings());
    return Configuration.writePrivately(document, options.data().resolve("activemq.xml"));
  }

  /** {@code xbean:} is ActiveMQ's own way of starting from a file; the broker starts while the file is being read. */
  private static void run(Path configuration) throws Exception {
    BrokerService broker = BrokerFactory.createBroker("xbean:" + configuration.toUri());
    if (!broker.waitUntilStarted()) {
      throw new IllegalStateException("the broker did not start");
    }
    var told = new AtomicBoolean();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> told.set(true)));
    System.out.println("READY");
    // On a signal ActiveMQ's own shutdown hook closes the store. Any other end is a fault: a full disk, for example,
    // makes a broker stop itself.
    broker.waitUntilStopped();
    if (!told.get()) {
      throw new IllegalStateException("the broker stopped by itself");
    }
  }

  private static void fail(int code, Exception error) {
    System.err.println("broker: " + reason(error));
    System.exit(code);
  }

  /** Spring wraps what the broker or the XML parser had to say; the first of their own errors says it best. */
  private static String reason(Throwable error) {
    Throwable own = error;
    while (own.getClass().getName().startsWith("org.springframework.") && own.getCause() != null) {
      own = own.getCause();
    }
    String wrong = error instanceof BeanDefinitionStoreException ? "the configuration does not fit ActiveMQ's schema: " : "";
    return wrong + (own instanceof IllegalArgumentException ? own.getMessage() : own.toString());
  }
}
