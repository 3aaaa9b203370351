#!/usr/bin/env node
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/**
 * Starts the chaincode as a server, as `fabric-chaincode-node server` does. Its address, its package id and its TLS files
 * come by environment: CORE_CHAINCODE_ADDRESS, CORE_CHAINCODE_ID, CORE_CHAINCODE_TLS_CERT_FILE, CORE_CHAINCODE_TLS_KEY_FILE.
 */
const project = fileURLToPath(new URL("..", import.meta.url));
process.argv.splice(2, Number.POSITIVE_INFINITY, "server", "--module-path", project);
const require = createRequire(import.meta.url);
require("fabric-shim/cli.js");
