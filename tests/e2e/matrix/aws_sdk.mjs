// SPDX-License-Identifier: Apache-2.0
// The AWS SDK for JavaScript, to all servers at once on one thread.
import { randomBytes } from "node:crypto";
import { LARGE, PART, SMALL, args, insist, load, now, record, spread } from "./workload.mjs";

const sdk = load("@aws-sdk/client-s3");
const UPLOADS = ["PutObject", "UploadPart"];

// One call: its result, with the data in .data; a refused one is recorded and returned, too.
async function call(s3, operation, input, refused = false) {
	const command = new sdk[operation + "Command"]({ Bucket: args.bucket, ...input });
	let start, result, data;
	// Innermost: signing is done, connecting is not.
	command.middlewareStack.add((next) => (request) => {
		start = now();
		return next(request);
	}, { step: "deserialize", priority: "low" });
	try {
		result = await s3.send(command);
		if (operation === "GetObject")
			data = await result.Body.transformToByteArray();
	} catch (error) {
		if (!refused || !error.$metadata)
			throw error;
		result = error;
	}
	insist(!refused || result instanceof Error, operation + " was not refused");
	const sent = UPLOADS.includes(operation) ? input.Body.length : null;
	record({
		operation, key: input.Key ?? null, status: result.$metadata.httpStatusCode,
		size: data ? data.length : sent, request_size: sent,
		start_ns: start, end_ns: now(), request_id: result.$metadata.requestId,
		error_code: refused && operation !== "HeadObject" ? result.name : null,
	});
	result.data = data;
	return result;
}

async function multipart(s3, key, big) {
	const { UploadId } = await call(s3, "CreateMultipartUpload", { Key: key });
	const parts = [];
	for (let at = 0; at < big.length; at += PART)
		parts.push([parts.length + 1, big.subarray(at, at + PART)]);
	const Parts = await Promise.all(parts.map(async ([PartNumber, Body]) => {
		const { ETag } = await call(s3, "UploadPart", { Key: key, UploadId, PartNumber, Body });
		return { PartNumber, ETag };
	}));
	await call(s3, "CompleteMultipartUpload", { Key: key, UploadId, MultipartUpload: { Parts } });
}

const big = randomBytes(LARGE);
await spread(async (endpoint, prefix, i, together) => {
	const s3 = new sdk.S3Client({ endpoint, region: "us-east-1", forcePathStyle: true });
	const small = prefix + "small file", large = prefix + "large", none = prefix + "none";
	const data = randomBytes(SMALL + i);

	await call(s3, "PutObject", { Key: small, Body: data });
	await multipart(s3, large, big);
	const got = await call(s3, "GetObject", { Key: small });
	insist(data.equals(got.data), "read something else than was written");
	await call(s3, "GetObject", { Key: large });
	await call(s3, "HeadObject", { Key: small });
	await together();
	await call(s3, "ListObjectsV2", { Prefix: prefix });
	await together();
	await call(s3, "GetObject", { Key: none }, true);
	await call(s3, "HeadObject", { Key: none }, true);
	await call(s3, "DeleteObject", { Key: large });
	await call(s3, "DeleteObject", { Key: small });
	s3.destroy();
});
