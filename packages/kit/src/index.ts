export {
  type ConnectionRefusal,
  createClientErrorHandler,
  type RenderedRefusal,
  refusedExpectation,
} from "./client-error.ts";
export { EnvError, type EnvSource, parseEnv } from "./env.ts";
export { hasErrorCode } from "./error-code.ts";
export { growHeapSlowly } from "./grow-heap-slowly.ts";
export { isPublicAddress, isPublicName } from "./guarded-forwarder/address-rules.ts";
export { isPublicEndpoint, type Resolve } from "./guarded-forwarder/guarded-address.ts";
export { createGuardedConnect, type GuardedConnectSettings } from "./guarded-forwarder/guarded-connect.ts";
export {
  type Connect,
  createGuardedDial,
  type GuardedAnswer,
  type GuardedDial,
  type GuardedDialSettings,
  type GuardedRequest,
} from "./guarded-forwarder/guarded-dial.ts";
export {
  createGuardedForwarder,
  type ForwardedNetwork,
  type GuardedForwarder,
  type GuardedForwarderSettings,
} from "./guarded-forwarder/guarded-forwarder.ts";
export { createPermits, type Permits } from "./guarded-forwarder/permit.ts";
export { createTunnels, type TunnelSettings, type Tunnels } from "./guarded-forwarder/tunnels.ts";
export { type Check, createHealth, type Health, type HealthReport } from "./health.ts";
export {
  createLogger,
  type LogDestination,
  type Logger,
  type LoggerSettings,
  type LogLevel,
  type LogMethod,
  type ServerLogger,
  silentLogger,
} from "./log.ts";
export { memoryEnvironment } from "./memory-environment.ts";
export {
  type Counter,
  createMetrics,
  type Gauge,
  type Histogram,
  type Labels,
  type Metrics,
  metricsContentType,
} from "./metrics.ts";
export { isFromOwnMachine } from "./own-machine.ts";
export {
  type PidLock,
  type PidLockAttempt,
  type PidLockContent,
  type PidLockSettings,
  readPidLock,
  tryPidLock,
} from "./pid-lock.ts";
export { identify, isAlive, isSame, type ProcessIdentity, startOf } from "./process-identity.ts";
export { isSecretName, redact, redactFields } from "./redact.ts";
export { replaceFile } from "./replace-file.ts";
export { createShutdown, type ProcessPort, type Shutdown, type ShutdownSettings } from "./shutdown.ts";
export { within } from "./within.ts";
