import { describeRuntimeConformance } from "../src/conformance/conformance.ts";
import { openProcessHarness } from "./process-harness.ts";

describeRuntimeConformance("process", openProcessHarness);
