// Signs requests to Tongbao and verifies its notifications. Node 18 or later, nothing to install.
//
// Copy this file. A key is a string: an RSA key as PEM, or else the shared SecretKey.

import { createHash, createHmac, sign as signWith, timingSafeEqual, verify as verifyWith } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const SIGNED_HEADERS = 'content-type;host;x-tc-ocode;x-tc-action';
const CLOCK_SKEW_SECONDS = 300;
const AUTHORIZATION = new RegExp(
  '^(TC3-HMAC-SHA256|SHA256withRSA) Credential=([A-Za-z0-9_-]+)/([0-9-]+/wxpay/tc3_request), ' +
    'SignedHeaders=([a-z0-9;-]+), Signature=([A-Za-z0-9+/=]+)$',
);

/** The notification is not to be believed. The message says what is wrong with it. */
export class Refused extends Error {}

/** The headers of a POST of `body` (a Buffer or string) to `url`. Send these bytes and no others. */
export function sign(key, secretId, ocode, url, body, now = Math.floor(Date.now() / 1000)) {
  const { host, pathname, search } = new URL(url);
  const headers = {
    'Content-Type': 'application/json',
    'Host': host,
    'X-TC-Action': 'wxpay',
    'X-TC-Version': '2023-04-13',
    'X-TC-Timestamp': String(now),
    'X-TC-Region': 'ap-shanghai',
    'X-TC-Ocode': ocode,
  };
  const algorithm = algorithmOf(key);
  const scope = scopeAt(now);
  const text = stringToSign(
    algorithm, String(now), scope, pathname + search, SIGNED_HEADERS, lowerCased(headers), body,
  );
  const signature = algorithm === 'SHA256withRSA'
    ? signWith('sha256', Buffer.from(text), key).toString('base64')
    : hmacSignature(key, scope, text);
  const authorization =
    `${algorithm} Credential=${secretId}/${scope}, SignedHeaders=${SIGNED_HEADERS}, Signature=${signature}`;
  return { Authorization: authorization, ...headers };
}

/**
 * Throws Refused unless the platform signed this notification, just now, for us.
 *
 * `keys` is a Map from each of our SecretIds to the key of its notifications: the platform's public key, or
 * our SecretKey. `ocode` is our own. `target` is the path with the query, as it stands in the request
 * line (`request.url`); `body` is the raw Buffer, not what a framework parsed and wrote anew.
 */
export function verify(keys, ocode, target, headers, body, now = Date.now() / 1000) {
  headers = lowerCased(headers);
  const parts = AUTHORIZATION.exec(headers.authorization ?? '');
  if (!parts) throw new Refused('Authorization');
  const [, algorithm, secretId, scope, listed, signature] = parts;
  const key = keys.get(secretId);
  if (key === undefined) throw new Refused('SecretId');
  // The key says which algorithm it is for. Were the header believed, anybody could sign with the
  // public key as if it were a shared secret.
  if (algorithm !== algorithmOf(key)) throw new Refused('algorithm');
  const timestamp = headers['x-tc-timestamp'] ?? '';
  if (!/^[0-9]{1,12}$/.test(timestamp) || Math.abs(now - Number(timestamp)) > CLOCK_SKEW_SECONDS) {
    throw new Refused('timestamp');
  }
  if (scope !== scopeAt(Number(timestamp))) throw new Refused('scope');
  const names = listed.split(';');
  if (
    !SIGNED_HEADERS.split(';').every((name) => names.includes(name)) ||
    !names.every((name) => Object.hasOwn(headers, name))
  ) {
    throw new Refused('SignedHeaders');
  }
  // The platform's key signs for every tenant, and the SecretId itself is not signed: only this
  // tells our notifications from another tenant's.
  if (headers['x-tc-ocode'] !== ocode) throw new Refused('Ocode');
  const text = stringToSign(algorithm, timestamp, scope, target, listed, headers, body);
  const genuine = algorithm === 'SHA256withRSA'
    ? verifyWith('sha256', Buffer.from(text), key, Buffer.from(signature, 'base64'))
    : sameText(hmacSignature(key, scope, text), signature);
  if (!genuine) throw new Refused('signature');
}

function algorithmOf(key) {
  return key.startsWith('-----BEGIN ') ? 'SHA256withRSA' : 'TC3-HMAC-SHA256';
}

function scopeAt(seconds) {
  return `${new Date(seconds * 1000).toISOString().slice(0, 10)}/wxpay/tc3_request`;
}

function stringToSign(algorithm, timestamp, scope, target, listed, headers, body) {
  const mark = target.indexOf('?');
  const [path, query] = mark < 0 ? [target, ''] : [target.slice(0, mark), target.slice(mark + 1)];
  const lines = listed.split(';').map((name) => `${name}:${headers[name].toLowerCase()}\n`);
  const canonical = ['POST', path, query, lines.join(''), listed, sha256(body)].join('\n');
  return [algorithm, timestamp, scope, sha256(canonical)].join('\n');
}

function hmacSignature(secretKey, scope, text) {
  const hmac = (key, part) => createHmac('sha256', key).update(part).digest();
  return [...scope.split('/'), text].reduce(hmac, `TC3${secretKey}`).toString('hex');
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

function sameText(one, other) {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}

function lowerCased(headers) {
  const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value).trim()]);
  return Object.fromEntries(entries);
}

// ---- the command line: to try it, not to copy ----

const USAGE = `usage: tongbao.mjs sign KEY_FILE SECRET_ID OCODE URL BODY_FILE [UNIX_SECONDS]
       tongbao.mjs verify HEADERS_FILE BODY_FILE KEY_FILE SECRET_ID OCODE [UNIX_SECONDS]`;

function main(verb, ...words) {
  const read = (path) => readFileSync(path, 'utf8');
  const now = words.length === 6 ? Number(words[5]) : undefined;
  if (verb === 'sign' && [5, 6].includes(words.length)) {
    const [keyFile, secretId, ocode, url, bodyFile] = words;
    const headers = sign(read(keyFile).trim(), secretId, ocode, url, readFileSync(bodyFile), now);
    for (const [name, value] of Object.entries(headers)) console.log(`${name}: ${value}`);
    return 0;
  }
  if (verb === 'verify' && [5, 6].includes(words.length)) {
    const [headersFile, bodyFile, keyFile, secretId, ocode] = words;
    const [requestLine, ...lines] = read(headersFile).split(/\r?\n/).filter((line) => line !== '');
    const headers = Object.fromEntries(lines.map((line) => line.split(/: (.*)/, 2)));
    const keys = new Map([[secretId, read(keyFile).trim()]]);
    try {
      verify(keys, ocode, requestLine.split(' ')[1], headers, readFileSync(bodyFile), now);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      console.log(`refused: ${error.message}`);
      return 1;
    }
    console.log('genuine');
    return 0;
  }
  console.error(USAGE);
  return 2;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = main(...process.argv.slice(2));
}
