export {
  createKubernetesRuntime,
  type KubernetesRuntime,
  type KubernetesRuntimeSettings,
} from "./kubernetes-runtime.ts";
export {
  type KubernetesSettings,
  type KubernetesSettingsInput,
  kubernetesSettings,
  parseKubernetesSettings,
} from "./settings.ts";
