package expedite.poller;

import java.util.List;
import software.amazon.awssdk.services.lambda.LambdaClient;

/** The mappings for Amazon MQ that Lambda's API knows. */
final class MappingListing {

  private final LambdaClient lambda;

  MappingListing(LambdaClient lambda) {
    this.lambda = lambda;
  }

  List<Mapping> read() {
    return lambda.listEventSourceMappingsPaginator().eventSourceMappings().stream()
        .filter(mapping -> isAmazonMq(mapping.eventSourceArn()))
        .map(Mapping::from)
        .toList();
  }

  /** An ARN reads {@code arn:partition:service:…}; a self-managed source has none. */
  private static boolean isAmazonMq(String eventSourceArn) {
    return eventSourceArn != null && eventSourceArn.matches("arn:[^:]+:mq:.*");
  }
}
