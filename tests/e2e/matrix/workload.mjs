// SPDX-License-Identifier: Apache-2.0
// What the Node workloads share: arguments, packages, and the client log of clientlog.py.
import { appendFileSync } from "node:fs";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";

export const MIB = 1 << 20;
export const SMALL = 1021, PART = 5 * MIB, LARGE = 11 * MIB + 7;

export const args = parseArgs({
	options: {
		endpoint: { type: "string", multiple: true },
		bucket: { type: "string" },
		iterations: { type: "string", default: "3" },
	},
}).values;

// Packages are in build/npm, which import does not look for.
export const load = createRequire(
	fileURLToPath(new URL("../../../build/npm/package.json", import.meta.url)));

// Wall clock in ns; the last few hundred are lost in a Number.
export const now = () => Math.round((performance.timeOrigin + performance.now()) * 1e6);

export function record(line) {
	appendFileSync(process.env.CLIENT_LOG,
		JSON.stringify({ bucket: args.bucket, key: null, status: null, size: null, ...line }) + "\n");
}

export function insist(condition, reason) {
	if (!condition)
		throw new Error(reason);
}

// A function that comes back when n have called it, again and again.
function barrier(n) {
	let waiting = [];
	return () => new Promise((go) => {
		waiting.push(go);
		if (waiting.length < n)
			return;
		const all = waiting;
		waiting = [];
		for (const each of all)
			each();
	});
}

// All iterations on all servers at once: what they send and receive is interleaved on one thread.
// Around its listing each awaits the others: the server fails to list a bucket of which something
// goes away meanwhile.
export async function spread(iteration) {
	const n = Number(args.iterations), together = barrier(args.endpoint.length * n), all = [];
	args.endpoint.forEach((endpoint, server) => {
		for (let i = 0; i < n; i++)
			all.push(iteration(endpoint, `matrix/${server}-${i}/`, i, together));
	});
	await Promise.all(all);
}
