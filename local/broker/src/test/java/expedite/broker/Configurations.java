package expedite.broker;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Configurations for the tests, in the form that a template has them. */
final class Configurations {

  static final List<Specification.User> USERS =
      List.of(
          new Specification.User("writer", "writer-password", List.of("writers")),
          new Specification.User("reader", "reader-password", List.of("readers", "watchers")));

  /** All kinds of parts that Expedite configures, each with values that differ from ActiveMQ's defaults. */
  static final String FULL =
      """
      <broker xmlns="http://activemq.apache.org/schema/core" schedulerSupport="true">
        <!-- A comment, which has to survive as well. -->
        <destinations>
          <queue physicalName="jobs"/>
          <queue physicalName="DLQ.jobs"/>
        </destinations>
        <destinationPolicy>
          <policyMap>
            <policyEntries>
              <policyEntry queue="&gt;" prioritizedMessages="true" useCache="false" queuePrefetch="3">
                <deadLetterStrategy>
                  <individualDeadLetterStrategy queuePrefix="DLQ." useQueueForQueueMessages="true"/>
                </deadLetterStrategy>
              </policyEntry>
            </policyEntries>
          </policyMap>
        </destinationPolicy>
        <persistenceAdapter>
          <kahaDB concurrentStoreAndDispatchQueues="false"/>
        </persistenceAdapter>
        <plugins>
          <authorizationPlugin>
            <map>
              <authorizationMap>
                <authorizationEntries>
                  <authorizationEntry queue="&gt;" read="admins" write="admins" admin="admins"/>
                  <authorizationEntry queue="jobs" read="readers" write="writers" admin="admins"/>
                  <authorizationEntry queue="DLQ.jobs" read="readers" write="admins" admin="admins"/>
                  <authorizationEntry topic="ActiveMQ.Advisory.&gt;" read="readers,writers"
                      write="readers,writers" admin="readers,writers"/>
                </authorizationEntries>
              </authorizationMap>
            </map>
          </authorizationPlugin>
        </plugins>
      </broker>
      """;

  static final String EMPTY = "<broker xmlns=\"http://activemq.apache.org/schema/core\"/>";

  private Configurations() {}

  static Specification full() {
    return new Specification(FULL, USERS);
  }

  static Specification of(String configuration) {
    return new Specification(configuration, USERS);
  }

  /** Port 0 lets the system choose. */
  static Surroundings plain(Path data) {
    return new Surroundings(data, 0, 0, Optional.empty());
  }

  static Surroundings withTls(Path data) {
    return new Surroundings(data, 5671, 61617, Optional.of(new KeyStore(Path.of("/keys/broker.p12"), "key-password")));
  }
}
