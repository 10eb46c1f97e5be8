// SPDX-License-Identifier: Apache-2.0
// node.js PORT CA TARGET N: so many GETs over one connection, one after another.
const https = require('https');
const [port, ca, target, n] = process.argv.slice(2);
const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca: require('fs').readFileSync(ca) });

function get(i) {
  if (i == n) return agent.destroy();
  const options = {
    host: '127.0.0.1', port, agent, path: `${target}${i}`,
    headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
  };
  https.get(options, (response) => {
    response.on('data', () => {});
    response.on('end', () => get(i + 1));
  });
}
get(0);
