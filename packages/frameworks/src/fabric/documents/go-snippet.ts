import { type Connection, keyNotes, toLiteral } from "./connection.ts";

/** `connect-<org>.go`. Nobody ran it, which is the first thing that it says. */
export const renderGoSnippet = (connection: Connection): string => {
  const { organisation, mspId, address, serverName, hasOwnAuthority, channel, chaincode } = connection;
  return `// Neither compiled nor run by Portolan: written after the documentation of fabric-gateway for Go.
//
// Calls chaincode as a member of ${mspId}. In a directory with identity.pem (your certificate), key.pem (its private key,
// PKCS #8)${hasOwnAuthority ? " and tls-ca.pem (document of the chain)" : ""}:
//
//	go mod init example.org/connect && go get github.com/hyperledger/fabric-gateway google.golang.org/grpc
//	PORTOLAN_KEY=... go run connect-${organisation}.go submit create asset1 blue 5
//	PORTOLAN_KEY=... go run connect-${organisation}.go evaluate read asset1
//
${keyNotes("//")}
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// apiKey is the key of an app, with scope "rpc"; it travels as metadata of each call, over TLS only.
type apiKey string

func (key apiKey) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"x-api-key": string(key)}, nil
}

func (apiKey) RequireTransportSecurity() bool { return true }

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func openConnection() (*grpc.ClientConn, error) {
	// The server name tells the gateway which chain is meant.
	config := &tls.Config{ServerName: setting("PORTOLAN_SERVER_NAME", ${toLiteral(serverName)}), MinVersion: tls.VersionTLS12}
	if file := setting("PORTOLAN_TLS_CA", ${toLiteral(hasOwnAuthority ? "tls-ca.pem" : "")}); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New(file + " has no certificate")
		}
	}
	return grpc.NewClient(
		setting("PORTOLAN_GRPC_ADDRESS", ${toLiteral(address)}),
		grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithPerRPCCredentials(apiKey(os.Getenv("PORTOLAN_KEY"))),
	)
}

func readIdentity() (*identity.X509Identity, identity.Sign, error) {
	pem, err := os.ReadFile(setting("FABRIC_CERTIFICATE", "identity.pem"))
	if err != nil {
		return nil, nil, err
	}
	certificate, err := identity.CertificateFromPEM(pem)
	if err != nil {
		return nil, nil, err
	}
	id, err := identity.NewX509Identity(${toLiteral(mspId)}, certificate)
	if err != nil {
		return nil, nil, err
	}
	pem, err = os.ReadFile(setting("FABRIC_PRIVATE_KEY", "key.pem"))
	if err != nil {
		return nil, nil, err
	}
	privateKey, err := identity.PrivateKeyFromPEM(pem)
	if err != nil {
		return nil, nil, err
	}
	sign, err := identity.NewPrivateKeySign(privateKey)
	return id, sign, err
}

func run(args []string) error {
	if os.Getenv("PORTOLAN_KEY") == "" {
		return errors.New("PORTOLAN_KEY is not set")
	}
	if len(args) < 2 || (args[0] != "submit" && args[0] != "evaluate") {
		return errors.New("say submit or evaluate, a function, and its arguments")
	}
	connection, err := openConnection()
	if err != nil {
		return err
	}
	defer connection.Close()
	id, sign, err := readIdentity()
	if err != nil {
		return err
	}
	gateway, err := client.Connect(id, client.WithSign(sign), client.WithHash(hash.SHA256), client.WithClientConnection(connection))
	if err != nil {
		return err
	}
	defer gateway.Close()
	contract := gateway.
		GetNetwork(setting("FABRIC_CHANNEL", ${toLiteral(channel)})).
		GetContract(setting("FABRIC_CHAINCODE", ${toLiteral(chaincode)}))
	call := contract.EvaluateTransaction
	if args[0] == "submit" {
		call = contract.SubmitTransaction
	}
	result, err := call(args[1], args[2:]...)
	if err != nil {
		return err
	}
	fmt.Println(string(result))
	return nil
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
`;
};
