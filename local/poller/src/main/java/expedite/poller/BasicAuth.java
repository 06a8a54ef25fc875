package expedite.poller;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import javax.jms.JMSException;
import javax.jms.JMSSecurityException;
import software.amazon.awssdk.services.secretsmanager.SecretsManagerClient;

/** Reads the secret of a mapping's {@code BASIC_AUTH}: JSON with a user's name and password. */
final class BasicAuth {

  private static final ObjectMapper JSON = new ObjectMapper();

  private final SecretsManagerClient secrets;

  BasicAuth(SecretsManagerClient secrets) {
    this.secrets = secrets;
  }

  /** A secret may hold more than these. */
  @JsonIgnoreProperties(ignoreUnknown = true)
  record User(String username, String password) {}

  User read(String secretArn) throws JMSException {
    String secret = secrets.getSecretValue(request -> request.secretId(secretArn)).secretString();
    if (secret == null) {
      throw unusable(secretArn);
    }
    try {
      return JSON.readValue(secret, User.class);
    } catch (JsonProcessingException malformed) {
      // Not the cause: its message would quote the secret.
      throw unusable(secretArn);
    }
  }

  private static JMSSecurityException unusable(String secretArn) {
    return new JMSSecurityException("the secret " + secretArn + " is not JSON with username and password");
  }
}
