// SPDX-License-Identifier: Apache-2.0
// Loaded into a server: what its requests say in confidence goes to the file of $SEEN, as
// tests/lab/server.py --seen does it.
'use strict';
const fs = require('fs');
const http = require('http');

const CONFIDENTIAL = /^(authorization|x-amz-security-token|.*-customer-key(-md5)?)$/;
const IN_TARGET = /[?&](x-amz-)?(signature|security-token)=/i;
const file = fs.openSync(process.env.SEEN, 'a');
const emit = http.Server.prototype.emit;

http.Server.prototype.emit = function (event, request, ...rest) {
  if (event === 'request') {
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => CONFIDENTIAL.test(name)));
    if (Object.keys(headers).length || IN_TARGET.test(request.url)) {
      fs.writeSync(file, JSON.stringify({target: request.url, headers}) + '\n');
    }
  }
  return emit.call(this, event, request, ...rest);
};
