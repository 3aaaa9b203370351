import { cniDirectory } from "@portolan/testing/cluster";

export interface NodePlace {
  readonly name: string;
  readonly address: string;
  /** The node's own directory on this machine. */
  readonly directory: string;
  /** Of certificates. */
  readonly credentials: string;
  readonly dns: string;
  readonly cgroup: string;
}

export const pauseImage = "docker.io/local/pause:1";

/** containerd's configuration: version 2, which its second major release still reads. */
export const toContainerdConfig = ({ directory }: NodePlace): string => `version = 2
root = "${directory}/containerd"
state = "/run/containerd/state"
[grpc]
  address = "${directory}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  disable_apparmor = true
  # Root without CAP_SYS_RESOURCE may not lower a score; without this runc ends before it says why.
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "${cniDirectory}"
  conf_dir = "${directory}/cni"
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "${directory}/registries"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false
`;

/** The kubelet's configuration. It speaks up so often that its silence is noticed within the controllers' grace. */
export const toKubeletConfig = (place: NodePlace): string =>
  JSON.stringify({
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    address: place.address,
    healthzBindAddress: "127.0.0.1",
    readOnlyPort: 0,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: `${place.credentials}/ca.crt` },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: `${place.credentials}/${place.name}.crt`,
    tlsPrivateKeyFile: `${place.credentials}/${place.name}.key`,
    containerRuntimeEndpoint: `unix://${place.directory}/containerd.sock`,
    cgroupDriver: "cgroupfs",
    cgroupRoot: `/${place.cgroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    enforceNodeAllocatable: [],
    clusterDNS: [place.dns],
    clusterDomain: "cluster.local",
    resolvConf: `${place.directory}/resolv.conf`,
    podLogsDir: "/var/log/pods",
    volumePluginDir: "/var/lib/kubelet/volumeplugins",
    nodeStatusUpdateFrequency: "2s",
    nodeLeaseDurationSeconds: 8,
    syncFrequency: "10s",
    serializeImagePulls: false,
    registryPullQPS: 0,
    eventRecordQPS: 0,
    // A full disk of the machine is not what a test is about.
    evictionHard: { "nodefs.available": "1%", "imagefs.available": "1%", "memory.available": "100Mi" },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
  });

/** Pods on a bridge of their node's. Their addresses are never translated: the routes know them. */
export const toPodNetworkConfig = ({ directory }: NodePlace, podNetwork: string): string =>
  JSON.stringify({
    cniVersion: "0.4.0",
    name: "pods",
    plugins: [
      {
        type: "bridge",
        bridge: "pods0",
        isGateway: true,
        ipMasq: false,
        hairpinMode: true,
        ipam: {
          type: "host-local",
          dataDir: `${directory}/addresses`,
          ranges: [[{ subnet: podNetwork }]],
          routes: [{ dst: "0.0.0.0/0" }],
        },
      },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  });

/** A registry that speaks plain HTTP. */
export const toRegistryConfig = (host: string): string => `server = "http://${host}"
[host."http://${host}"]
  capabilities = ["pull", "resolve"]
`;
