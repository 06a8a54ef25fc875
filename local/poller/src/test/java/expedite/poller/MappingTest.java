package expedite.poller;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import software.amazon.awssdk.services.lambda.model.EventSourceMappingConfiguration;
import software.amazon.awssdk.services.lambda.model.Filter;
import software.amazon.awssdk.services.lambda.model.SourceAccessConfiguration;
import software.amazon.awssdk.services.lambda.model.SourceAccessType;

class MappingTest {

  @Test
  void takesItsSettingsFromTheApi() {
    Mapping mapping = Mapping.from(complete().batchSize(25).maximumBatchingWindowInSeconds(2).build());

    assertEquals("jobs", mapping.queue());
    assertEquals("arn:secret", mapping.secretArn());
    assertEquals(25, mapping.batchSize());
    assertEquals(Duration.ofSeconds(2), mapping.window());
    assertTrue(mapping.pollable());
  }

  @Test
  void hasLambdasDefaults() {
    assertEquals(100, Mapping.from(complete().build()).batchSize());
    assertEquals(Duration.ofMillis(500), Mapping.from(complete().build()).window());
  }

  @Test
  void aWindowOfZeroIsNotTheDefault() {
    assertEquals(Duration.ofMillis(10), Mapping.from(complete().maximumBatchingWindowInSeconds(0).build()).window());
  }

  @ParameterizedTest
  @CsvSource({
      "Enabled, true", "Updating, true", "Creating, false", "Enabling, false",
      "Disabling, false", "Disabled, false", "Deleting, false",
  })
  void isPolledOnlyWhileItIsEnabled(String state, boolean polled) {
    assertEquals(polled, Mapping.from(complete().state(state).build()).pollable());
  }

  @Test
  void isRefusedWithAFilter() {
    var filter = Filter.builder().pattern("{}").build();

    assertRefused(complete().filterCriteria(criteria -> criteria.filters(filter)), "FilterCriteria");
  }

  @Test
  void isRefusedWithoutQueueOrCredentials() {
    assertRefused(complete().queues(), "queue");
    assertRefused(complete().sourceAccessConfigurations(access(SourceAccessType.VIRTUAL_HOST, "/")), "BASIC_AUTH");
  }

  private static void assertRefused(EventSourceMappingConfiguration.Builder configuration, String because) {
    Mapping mapping = Mapping.from(configuration.build());

    assertFalse(mapping.pollable());
    assertTrue(mapping.refusal().orElseThrow().contains(because));
  }

  private static EventSourceMappingConfiguration.Builder complete() {
    return EventSourceMappingConfiguration.builder()
        .uuid("uuid")
        .functionArn("arn:function")
        .eventSourceArn(Samples.SOURCE)
        .state("Enabled")
        .queues("jobs")
        .sourceAccessConfigurations(access(SourceAccessType.BASIC_AUTH, "arn:secret"));
  }

  private static SourceAccessConfiguration access(SourceAccessType type, String uri) {
    return SourceAccessConfiguration.builder().type(type).uri(uri).build();
  }
}
