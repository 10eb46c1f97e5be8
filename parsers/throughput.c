/* SPDX-License-Identifier: Apache-2.0 */
#include "throughput.h"

int64_t throughput(int64_t bytes, int64_t ns)
{
	double speed = ns > 0 && bytes > 0 ? (double)bytes * 1e9 / (double)ns : -1;

	return speed < 1e18 ? (int64_t)speed : INT64_C(1000000000000000000);
}

int64_t throughput_of(const struct request *row)
{
	bool up = row->request_size >= row->response_size;
	int64_t bytes = up ? row->request_size : row->response_size;

	if (bytes < THROUGHPUT_LEAST_BYTES)
		return -1;
	return throughput(bytes, up ? row->send_ns + row->wait_ns : row->recv_ns + row->stall_ns);
}
