// Measures one decision in WebAssembly and natively, in turns: `node wasm/bench.mjs NATIVE`; wasm/bench calls it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpus } from "node:os";

import { Engine } from "./pkg/node.mjs";

const LIMIT = 8;
const [native] = process.argv.slice(2);
const ask = (argument) => execFileSync(native, [argument], { encoding: "utf8", maxBuffer: 1 << 26 });
const { policy, keys, revocations, method, path, authorization, options } = JSON.parse(ask("question"));
const engine = new Engine(policy, keys, revocations);

/** Nanoseconds of a decision: the lower quartile of short rounds, by the processor time of the process. */
function nanoseconds() {
    const rounds = [];
    for (let round = 0; round < 60; round += 1) {
        const started = process.cpuUsage();
        for (let count = 0; count < 2000; count += 1) {
            assert.equal(engine.decide(method, path, authorization, options).principal.org_id, options.resource_org);
        }
        const { user, system } = process.cpuUsage(started);
        rounds.push((user + system) / 2);
    }
    return rounds.sort((a, b) => a - b)[15];
}

nanoseconds(); // until the runtime has compiled everything
const turns = Array.from({ length: 5 }, () => ({ native: Number(ask("hs256")), wasm: nanoseconds() }));
const ratio = ({ native, wasm }) => wasm / native;
const median = turns.sort((a, b) => ratio(a) - ratio(b))[2];
console.log(`${cpus()[0].model}, Node ${process.version}; the median of ${turns.length} turns.\n`);
console.log("| uncached HS256 decision | native | WebAssembly | ratio | target |\n|---|---|---|---|---|");
console.log(
    `| with checked arguments and a frozen result | ${Math.round(median.native)} ns | ${Math.round(median.wasm)} ns ` +
        `| ${ratio(median).toFixed(1)} × | ≤ ${LIMIT} |`,
);
process.exitCode = ratio(median) <= LIMIT ? 0 : 1;
