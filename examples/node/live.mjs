// One order from placing to notification, against a running `tongbao dev`, as a shop would do it.
//
//     node live.mjs <data>/dev.json
//
// Both kinds of key are tried. Ends within 30 seconds: with 0 when every notification came and was genuine.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Refused, sign, verify } from './tongbao.mjs';

const DEADLINE_MS = 28_000;

/** A merchant's server: waits for notifications, and hands over what was paid. */
async function openShop(keys, ocode, onPaid) {
  const seen = new Set();
  const notified = (target, headers, body) => {
    try {
      verify(keys, ocode, target, headers, body);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      // Not 2xx: should it be genuine after all, it comes again.
      console.error(`notification refused: ${error.message}`);
      return [401, { ErrCode: 'FAIL' }];
    }
    const notification = JSON.parse(body);
    // The same notification can come more than once: act on the first, acknowledge them all. A real shop has
    // this in its database, and writes it there before it acknowledges.
    const news = seen.has(notification.NotifyId) ? undefined : notification.Result;
    seen.add(notification.NotifyId);
    return [200, { ErrCode: 'SUCCESS' }, news];
  };
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const [status, answer, news] = notified(request.url, request.headers, Buffer.concat(chunks));
    if (news) response.on('finish', () => onPaid(news));
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return `http://127.0.0.1:${server.address().port}/pay/notify?shop=7`;
}

async function post(url, body, headers) {
  const answer = await fetch(url, { method: 'POST', body, headers });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** Calls Tongbao; the `Result` of its answer. */
async function call(dev, key, secretId, path, fields) {
  const url = dev.base_url + path;
  const body = JSON.stringify(fields);
  // fetch writes Host itself, the same.
  const { Host, ...headers } = sign(key, secretId, dev.wecard.ocode, url, body);
  const { Response: response } = await post(url, body, headers);
  if (response.ErrCode !== 'SUCCESS') {
    throw new Error(`${path}: ${response.ErrCode}: ${response.ErrMessage}`);
  }
  return response.Result;
}

async function main(devJson) {
  const dev = JSON.parse(readFileSync(devJson, 'utf8'));
  const { wecard } = dev;
  // This tenant has an RSA key, so the platform's key signs all its notifications.
  const keys = new Map([[wecard.rsa.secret_id, wecard.platform_public_key_pem]]);
  let paid;
  const notifyUrl = await openShop(keys, wecard.ocode, (result) => paid(result));
  for (const [secretId, key] of [
    [wecard.hmac.secret_id, wecard.hmac.secret_key],
    [wecard.rsa.secret_id, wecard.rsa.private_key_pem],
  ]) {
    const waiting = new Promise((resolve) => { paid = resolve; });
    const outOrderId = `live_${randomBytes(8).toString('hex')}`;
    const placed = await call(dev, key, secretId, '/cloudpay/v1/pay/c2b/unified_order', {
      ChannelSubMerchantId: wecard.merchants[0],
      TotalAmount: 1000,
      PayChannel: 'WXPAY',
      PayType: 'MINI_PROGRAM',
      OrderSubject: '杂粮煎饼',
      OutOrderId: outOrderId,
      NotifyUrl: notifyUrl,
      ExternalPaymentData: JSON.stringify({ WxOpenId: 'oXLUp5OHJof5768CoFFDuuaRn8kc' }),
    });
    console.log(`placed   ${outOrderId} as ${secretId}: ${placed.OrderStatus}`);
    // What the payer's phone does with PayInfo. Only the sandbox has such an address.
    const phone = JSON.stringify({ pay_info: placed.PayInfo, outcome: 'success' });
    await post(`${dev.sandbox_url}/control/pay`, phone, { 'Content-Type': 'application/json' });
    const told = await waiting;
    console.log(`notified ${told.OutOrderId}: ${told.OrderStatus}, ${told.PayAmount} fen`);
    if (told.OutOrderId !== outOrderId || told.OrderStatus !== 'SUCCESS' || told.TotalAmount !== '1000') {
      throw new Error(`not what was placed: ${JSON.stringify(told)}`);
    }
  }
}

if (process.argv.length !== 3) {
  console.error('usage: live.mjs DEV_JSON');
  process.exit(2);
}
setTimeout(() => {
  console.error('no genuine notification came in time');
  process.exit(1);
}, DEADLINE_MS);
main(process.argv[2]).then(
  () => process.exit(0),
  (error) => {
    console.error(error.message, error.cause?.message ?? '');
    process.exit(1);
  },
);
