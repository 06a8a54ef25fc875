package expedite.poller;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.services.lambda.LambdaClient;
import software.amazon.awssdk.services.secretsmanager.SecretsManagerClient;

/**
 * Stands in for Lambda's event source mapping for ActiveMQ, which no emulator has: finds the mappings through Lambda's
 * API and serves each of them until it is told to stop.
 *
 * <p>Endpoint, region and credentials of the AWS APIs come from the environment, in the SDK's standard way.
 */
public final class Main {

  private static final Logger LOG = LoggerFactory.getLogger(Main.class);

  /** How often the mappings are looked up: a disabled one must be left alone within a second. */
  private static final Duration LOOK_UP_EVERY = Duration.ofMillis(500);

  /** How long a batch that is being processed may still take when the poller is told to stop. */
  private static final Duration FAREWELL = Duration.ofSeconds(5);

  private Main() {}

  public static void main(String[] arguments) throws InterruptedException {
    Options options;
    try {
      options = Options.parse(arguments);
    } catch (Exception wrong) {
      System.err.println("poller: " + wrong.getMessage());
      System.exit(2);
      return;
    }
    serve(options);
  }

  private static void serve(Options options) throws InterruptedException {
    var lambda = LambdaClient.builder().httpClientBuilder(UrlConnectionHttpClient.builder()).build();
    var secrets = SecretsManagerClient.builder().httpClientBuilder(UrlConnectionHttpClient.builder()).build();
    var invoker = LambdaInvoker.overHttp(fromTheEnvironment -> {});
    var broker = new Broker(options, new BasicAuth(secrets));
    var mappings = new Mappings(mapping -> new MappingPollers(mapping, broker, invoker));
    Runtime.getRuntime().addShutdownHook(new Thread(() -> mappings.close(FAREWELL)));

    var listing = new MappingListing(lambda);
    boolean answered = true;
    while (true) {
      try {
        mappings.reconcile(listing.read());
        answered = true;
      } catch (SdkException unreachable) {
        // What is served stays as it is: the mappings have not changed because nobody could be asked.
        if (answered) {
          LOG.warn("cannot list the mappings, trying again until it works: {}", unreachable.getMessage());
        }
        answered = false;
      }
      TimeUnit.MILLISECONDS.sleep(LOOK_UP_EVERY.toMillis());
    }
  }
}
