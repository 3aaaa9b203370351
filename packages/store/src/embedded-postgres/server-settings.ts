/** Command-line settings of the embedded server: a laptop's, with nothing listening but loopback TCP. */
export function toServerSettings(options: { port: number; isDurable: boolean }): string[] {
  const settings: Record<string, string> = {
    listen_addresses: "127.0.0.1",
    port: String(options.port),
    unix_socket_directories: "",
    max_connections: "100",
    shared_buffers: "128MB",
    timezone: "UTC",
    log_timezone: "UTC",
    log_min_messages: "warning",
    // A failing statement may carry a customer's data; its text does not belong in a log file.
    log_min_error_statement: "panic",
    log_parameter_max_length: "0",
    password_encryption: "scram-sha-256",
    idle_in_transaction_session_timeout: "60s",
    client_connection_check_interval: "5s",
    tcp_keepalives_idle: "30",
    ...(options.isDurable
      ? { fsync: "on", synchronous_commit: "on" }
      : { fsync: "off", synchronous_commit: "off", full_page_writes: "off", autovacuum: "off", max_wal_size: "4GB" }),
  };
  return Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}
