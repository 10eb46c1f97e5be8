// SPDX-License-Identifier: Apache-2.0
// MinIO's JavaScript client, to all servers at once on one thread. It keeps no log.
import { randomBytes } from "node:crypto";
import { LARGE, PART, SMALL, args, insist, load, spread } from "./workload.mjs";

const minio = load("minio");

async function whole(stream) {
	const pieces = [];
	for await (const piece of stream)
		pieces.push(piece);
	return Buffer.concat(pieces);
}

async function refused(promise) {
	const error = await promise.then(() => null, (e) => e);
	insist(error && /NotFound|NoSuchKey/.test(error.code), `not refused, but ${error}`);
}

const big = randomBytes(LARGE);
await spread(async (endpoint, prefix, i, together) => {
	const url = new URL(endpoint);
	const s3 = new minio.Client({
		endPoint: url.hostname, port: Number(url.port), useSSL: url.protocol === "https:",
		accessKey: process.env.AWS_ACCESS_KEY_ID, secretKey: process.env.AWS_SECRET_ACCESS_KEY,
		region: "us-east-1", pathStyle: true, partSize: PART,
	});
	const small = prefix + "small file", large = prefix + "large", none = prefix + "none";
	const data = randomBytes(SMALL + i);

	await s3.putObject(args.bucket, small, data);
	await s3.putObject(args.bucket, large, big, big.length);
	insist(data.equals(await whole(await s3.getObject(args.bucket, small))),
		"read something else than was written");
	insist((await whole(await s3.getObject(args.bucket, large))).length === LARGE, "a short object");
	await s3.statObject(args.bucket, small);
	await together();
	for await (const _ of s3.listObjectsV2(args.bucket, prefix, true));
	await together();
	await refused(s3.getObject(args.bucket, none));
	await refused(s3.statObject(args.bucket, none));
	await s3.removeObject(args.bucket, large);
	await s3.removeObject(args.bucket, small);
});
