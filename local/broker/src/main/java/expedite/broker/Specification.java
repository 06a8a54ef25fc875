package expedite.broker;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/**
 * What the template says of the broker.
 *
 * @param configuration the {@code <broker>} element, as {@code AWS::AmazonMQ::Configuration} has it in {@code Data}
 * @param users as {@code AWS::AmazonMQ::Broker} has them in {@code Users}, their passwords resolved
 */
record Specification(String configuration, List<User> users) {

  Specification {
    Objects.requireNonNull(configuration, "the specification has no configuration");
    users = List.copyOf(Objects.requireNonNull(users, "the specification has no users"));
  }

  /** One user; the authorization map grants rights to {@code groups}. */
  record User(String username, String password, List<String> groups) {

    User {
      Objects.requireNonNull(username, "a user has no username");
      Objects.requireNonNull(password, () -> "the user " + username + " has no password");
      groups = groups == null ? List.of() : List.copyOf(groups);
    }
  }

  static Specification read(Path file) throws IOException {
    return new ObjectMapper().readValue(file.toFile(), Specification.class);
  }
}
