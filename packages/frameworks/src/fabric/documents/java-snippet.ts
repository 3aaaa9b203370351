import { type Connection, keyNotes, toLiteral } from "./connection.ts";

/** `org1` → `ConnectOrg1`, `a-b` → `ConnectA_b`: no two organisations get the same. */
export const toClassName = (organisation: string): string =>
  `Connect${organisation.charAt(0).toUpperCase()}${organisation.slice(1).replaceAll("-", "_")}`;

/** `Connect<Org>.java`. */
export const renderJavaSnippet = (connection: Connection): string => {
  const { organisation, mspId, address, serverName, hasOwnAuthority, channel, chaincode } = connection;
  const name = toClassName(organisation);
  return `// Run by hand on real nodes with Java 17, fabric-gateway 1.10.0 and grpc 1.76.0; Portolan's test suite does not run it.
//
// Calls chaincode as a member of ${mspId}. In a directory with identity.pem (your certificate), key.pem (its private key)${hasOwnAuthority ? "\n// and tls-ca.pem (document of the chain)" : ""};
// on the class path, from Maven: org.hyperledger.fabric:fabric-gateway:1.10.0, io.grpc:grpc-netty-shaded:1.76.0 and
// com.google.protobuf:protobuf-java:4.33.0 (say it: otherwise grpc brings an older one, and classes are missing):
//
//   PORTOLAN_KEY=... java -cp "$CLASS_PATH" ${name}.java submit create asset1 blue 5
//   PORTOLAN_KEY=... java -cp "$CLASS_PATH" ${name}.java evaluate read asset1
//
${keyNotes("//")}
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.MetadataUtils;
import java.io.File;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.hyperledger.fabric.client.Contract;
import org.hyperledger.fabric.client.Gateway;
import org.hyperledger.fabric.client.Hash;
import org.hyperledger.fabric.client.identity.Identities;
import org.hyperledger.fabric.client.identity.Identity;
import org.hyperledger.fabric.client.identity.Signer;
import org.hyperledger.fabric.client.identity.Signers;
import org.hyperledger.fabric.client.identity.X509Identity;

public final class ${name} {
    private static String setting(final String name, final String otherwise) {
        String value = System.getenv(name);
        return value == null || value.isEmpty() ? otherwise : value;
    }

    private static ManagedChannel openChannel() throws Exception {
        TlsChannelCredentials.Builder tls = TlsChannelCredentials.newBuilder();
        String authority = setting("PORTOLAN_TLS_CA", ${toLiteral(hasOwnAuthority ? "tls-ca.pem" : "")});
        if (!authority.isEmpty()) {
            tls.trustManager(new File(authority));
        }
        // The server name tells the gateway which chain is meant.
        return Grpc.newChannelBuilder(setting("PORTOLAN_GRPC_ADDRESS", ${toLiteral(address)}), tls.build())
                .overrideAuthority(setting("PORTOLAN_SERVER_NAME", ${toLiteral(serverName)}))
                .build();
    }

    /** The key of an app, with scope "rpc", as metadata of each call. */
    private static Channel withKey(final Channel channel) {
        Metadata headers = new Metadata();
        headers.put(Metadata.Key.of("x-api-key", Metadata.ASCII_STRING_MARSHALLER), setting("PORTOLAN_KEY", ""));
        return ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(headers));
    }

    private static Identity readIdentity() throws Exception {
        try (Reader reader = Files.newBufferedReader(Path.of(setting("FABRIC_CERTIFICATE", "identity.pem")))) {
            return new X509Identity(${toLiteral(mspId)}, Identities.readX509Certificate(reader));
        }
    }

    private static Signer readSigner() throws Exception {
        try (Reader reader = Files.newBufferedReader(Path.of(setting("FABRIC_PRIVATE_KEY", "key.pem")))) {
            return Signers.newPrivateKeySigner(Identities.readPrivateKey(reader));
        }
    }

    public static void main(final String[] args) throws Exception {
        if (setting("PORTOLAN_KEY", "").isEmpty()) {
            throw new IllegalArgumentException("PORTOLAN_KEY is not set");
        }
        if (args.length < 2 || !(args[0].equals("submit") || args[0].equals("evaluate"))) {
            throw new IllegalArgumentException("say submit or evaluate, a function, and its arguments");
        }
        ManagedChannel channel = openChannel();
        try (Gateway gateway = Gateway.newInstance()
                .identity(readIdentity())
                .signer(readSigner())
                .hash(Hash.SHA256)
                .connection(withKey(channel))
                .evaluateOptions(options -> options.withDeadlineAfter(10, TimeUnit.SECONDS))
                .endorseOptions(options -> options.withDeadlineAfter(20, TimeUnit.SECONDS))
                .submitOptions(options -> options.withDeadlineAfter(10, TimeUnit.SECONDS))
                .commitStatusOptions(options -> options.withDeadlineAfter(60, TimeUnit.SECONDS))
                .connect()) {
            Contract contract = gateway.getNetwork(setting("FABRIC_CHANNEL", ${toLiteral(channel)}))
                    .getContract(setting("FABRIC_CHAINCODE", ${toLiteral(chaincode)}));
            String[] rest = Arrays.copyOfRange(args, 2, args.length);
            byte[] result = args[0].equals("submit")
                    ? contract.submitTransaction(args[1], rest)
                    : contract.evaluateTransaction(args[1], rest);
            System.out.println(new String(result, StandardCharsets.UTF_8));
        } finally {
            channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
        }
    }
}
`;
};
