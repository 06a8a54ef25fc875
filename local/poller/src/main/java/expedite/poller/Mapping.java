package expedite.poller;

import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import software.amazon.awssdk.services.lambda.model.EventSourceMappingConfiguration;
import software.amazon.awssdk.services.lambda.model.SourceAccessConfiguration;
import software.amazon.awssdk.services.lambda.model.SourceAccessType;

/**
 * One event source mapping as it stands in Lambda's API. Two that are equal are served in the same way, so a poller
 * starts anew exactly when its mapping is no longer equal to the one it started with.
 *
 * @param batchSize messages of a batch, 1 to 10 000
 * @param window how long a batch may wait for more after its first message
 * @param enabled whether messages may be taken from the queue now
 * @param refusal why this mapping can't be served at all, if it can't
 */
record Mapping(
    String uuid,
    String functionArn,
    String eventSourceArn,
    String queue,
    String secretArn,
    int batchSize,
    Duration window,
    boolean enabled,
    Optional<String> refusal) {

  /** Messages; Lambda's default for Amazon MQ ("Amazon MQ event source mapping parameters", BatchSize). */
  static final int DEFAULT_BATCH_SIZE = 100;

  /** Lambda's default for Amazon MQ (same page, MaximumBatchingWindowInSeconds), which a mapping shows as no value. */
  static final Duration DEFAULT_WINDOW = Duration.ofMillis(500);

  /**
   * A window of zero: a batch takes what lies ready, which the broker sends without being asked within this time. The API
   * knows whole seconds only, and who has set a number can't go back to the default ("How Lambda processes records from
   * stream and queue-based event sources"), so 0 is a number like any other.
   */
  static final Duration READY = Duration.ofMillis(10);

  boolean pollable() {
    return enabled && refusal.isEmpty();
  }

  static Mapping from(EventSourceMappingConfiguration mapping) {
    String queue = mapping.queues().stream().findFirst().orElse("");
    String secretArn =
        mapping.sourceAccessConfigurations().stream()
            .filter(access -> access.type() == SourceAccessType.BASIC_AUTH)
            .map(SourceAccessConfiguration::uri)
            .findFirst()
            .orElse("");
    return new Mapping(
        mapping.uuid(),
        mapping.functionArn(),
        mapping.eventSourceArn(),
        queue,
        secretArn,
        Objects.requireNonNullElse(mapping.batchSize(), DEFAULT_BATCH_SIZE),
        window(mapping.maximumBatchingWindowInSeconds()),
        isEnabled(mapping.state()),
        refusal(mapping, queue, secretArn));
  }

  private static Duration window(Integer seconds) {
    if (seconds == null) {
      return DEFAULT_WINDOW;
    }
    return seconds == 0 ? READY : Duration.ofSeconds(seconds);
  }

  /** While a mapping is being updated it goes on with what it has; in every other passing state it does nothing. */
  private static boolean isEnabled(String state) {
    return "Enabled".equals(state) || "Updating".equals(state);
  }

  private static Optional<String> refusal(EventSourceMappingConfiguration mapping, String queue, String secretArn) {
    if (mapping.filterCriteria() != null && !mapping.filterCriteria().filters().isEmpty()) {
      // Served without its filter, it would hand over messages that Lambda throws away.
      return Optional.of("FilterCriteria is not supported here");
    }
    if (queue.isEmpty()) {
      return Optional.of("ESM_CONFIG_NOT_VALID: it names no queue");
    }
    if (secretArn.isEmpty()) {
      return Optional.of("ESM_CONFIG_NOT_VALID: it has no SourceAccessConfiguration of type BASIC_AUTH");
    }
    return Optional.empty();
  }
}
