<?php
// Signs requests to Tongbao and verifies its notifications. PHP 8.0 or later with ext-openssl.
//
// Copy the class. A key is a string: an RSA key as PEM, or else the shared SecretKey.

declare(strict_types=1);

/** The notification is not to be believed. The message says what is wrong with it. */
final class Refused extends Exception
{
}

final class Tongbao
{
    private const SIGNED_HEADERS = 'content-type;host;x-tc-ocode;x-tc-action';
    private const CLOCK_SKEW_SECONDS = 300;
    private const AUTHORIZATION =
        '~\A(TC3-HMAC-SHA256|SHA256withRSA) Credential=([A-Za-z0-9_-]+)/([0-9-]+/wxpay/tc3_request), '
        . 'SignedHeaders=([a-z0-9;-]+), Signature=([A-Za-z0-9+/=]+)\z~';

    /** The headers of a POST of $body to $url. Send these bytes and no others. */
    public static function sign(
        string $key,
        string $secretId,
        string $ocode,
        string $url,
        string $body,
        ?int $now = null
    ): array {
        $timestamp = (string) ($now ?? time());
        $parts = parse_url($url);
        $target = ($parts['path'] ?? '/') . (isset($parts['query']) ? '?' . $parts['query'] : '');
        $headers = [
            'Content-Type' => 'application/json',
            'Host' => $parts['host'] . (isset($parts['port']) ? ':' . $parts['port'] : ''),
            'X-TC-Action' => 'wxpay',
            'X-TC-Version' => '2023-04-13',
            'X-TC-Timestamp' => $timestamp,
            'X-TC-Region' => 'ap-shanghai',
            'X-TC-Ocode' => $ocode,
        ];
        $algorithm = self::algorithmOf($key);
        $scope = self::scopeAt((int) $timestamp);
        $text = self::stringToSign(
            $algorithm, $timestamp, $scope, $target, self::SIGNED_HEADERS, self::lowerCased($headers), $body
        );
        if ($algorithm === 'SHA256withRSA') {
            if (!openssl_sign($text, $signed, $key, OPENSSL_ALGO_SHA256)) {
                throw new RuntimeException('The private key does not sign: ' . openssl_error_string());
            }
            $signature = base64_encode($signed);
        } else {
            $signature = self::hmacSignature($key, $scope, $text);
        }
        $authorization = "$algorithm Credential=$secretId/$scope, "
            . 'SignedHeaders=' . self::SIGNED_HEADERS . ", Signature=$signature";
        return ['Authorization' => $authorization] + $headers;
    }

    /**
     * Throws Refused unless the platform signed this notification, just now, for us.
     *
     * @param array<string, string> $keys for each of our SecretIds the key of its notifications: the platform's
     *     public key, or our SecretKey
     * @param string $ocode our own
     * @param string $target the path with the query: $_SERVER['REQUEST_URI']
     * @param array<string, string> $headers getallheaders()
     * @param string $body the raw bytes: file_get_contents('php://input')
     */
    public static function verify(
        array $keys,
        string $ocode,
        string $target,
        array $headers,
        string $body,
        ?int $now = null
    ): void {
        $headers = self::lowerCased($headers);
        if (!preg_match(self::AUTHORIZATION, $headers['authorization'] ?? '', $parts)) {
            throw new Refused('Authorization');
        }
        [, $algorithm, $secretId, $scope, $listed, $signature] = $parts;
        $key = $keys[$secretId] ?? throw new Refused('SecretId');
        // The key says which algorithm it is for. Were the header believed, anybody could sign with the
        // public key as if it were a shared secret.
        if ($algorithm !== self::algorithmOf($key)) {
            throw new Refused('algorithm');
        }
        $timestamp = $headers['x-tc-timestamp'] ?? '';
        $now ??= time();
        if (
            !preg_match('~\A[0-9]{1,12}\z~', $timestamp)
            || abs($now - (int) $timestamp) > self::CLOCK_SKEW_SECONDS
        ) {
            throw new Refused('timestamp');
        }
        if ($scope !== self::scopeAt((int) $timestamp)) {
            throw new Refused('scope');
        }
        $names = explode(';', $listed);
        if (
            array_diff(explode(';', self::SIGNED_HEADERS), $names) !== []
            || array_diff($names, array_map('strval', array_keys($headers))) !== []
        ) {
            throw new Refused('SignedHeaders');
        }
        // The platform's key signs for every tenant, and the SecretId itself is not signed: only this
        // tells our notifications from another tenant's.
        if ($headers['x-tc-ocode'] !== $ocode) {
            throw new Refused('Ocode');
        }
        $text = self::stringToSign($algorithm, $timestamp, $scope, $target, $listed, $headers, $body);
        $genuine = $algorithm === 'SHA256withRSA'
            ? self::rsaVerifies($key, $text, $signature)
            : hash_equals(self::hmacSignature($key, $scope, $text), $signature);
        if (!$genuine) {
            throw new Refused('signature');
        }
    }

    private static function algorithmOf(string $key): string
    {
        return str_starts_with($key, '-----BEGIN ') ? 'SHA256withRSA' : 'TC3-HMAC-SHA256';
    }

    private static function scopeAt(int $seconds): string
    {
        return gmdate('Y-m-d', $seconds) . '/wxpay/tc3_request';
    }

    private static function stringToSign(
        string $algorithm,
        string $timestamp,
        string $scope,
        string $target,
        string $listed,
        array $headers,
        string $body
    ): string {
        [$path, $query] = explode('?', $target, 2) + [1 => ''];
        $lines = '';
        foreach (explode(';', $listed) as $name) {
            $lines .= $name . ':' . strtolower($headers[$name]) . "\n";
        }
        $canonical = implode("\n", ['POST', $path, $query, $lines, $listed, hash('sha256', $body)]);
        return implode("\n", [$algorithm, $timestamp, $scope, hash('sha256', $canonical)]);
    }

    private static function hmacSignature(string $secretKey, string $scope, string $text): string
    {
        $key = "TC3$secretKey";
        foreach ([...explode('/', $scope), $text] as $part) {
            $key = hash_hmac('sha256', $part, $key, true);
        }
        return bin2hex($key);
    }

    private static function rsaVerifies(string $publicKeyPem, string $text, string $signature): bool
    {
        $decoded = base64_decode($signature, true);
        // 1 is the only good answer: 0 is no, -1 a failure.
        return $decoded !== false
            && openssl_verify($text, $decoded, $publicKeyPem, OPENSSL_ALGO_SHA256) === 1;
    }

    private static function lowerCased(array $headers): array
    {
        return array_map('trim', array_change_key_case($headers, CASE_LOWER));
    }
}

// ---- the command line: to try it, not to copy ----

const USAGE = <<<'TEXT'
usage: tongbao.php sign KEY_FILE SECRET_ID OCODE URL BODY_FILE [UNIX_SECONDS]
       tongbao.php verify HEADERS_FILE BODY_FILE KEY_FILE SECRET_ID OCODE [UNIX_SECONDS]

TEXT;

function main(array $words): int
{
    $verb = in_array(count($words), [6, 7], true) ? $words[0] : '';
    $now = isset($words[6]) ? (int) $words[6] : null;
    switch ($verb) {
        case 'sign':
            [, $keyFile, $secretId, $ocode, $url, $bodyFile] = $words;
            $key = trim(file_get_contents($keyFile));
            $headers = Tongbao::sign($key, $secretId, $ocode, $url, file_get_contents($bodyFile), $now);
            foreach ($headers as $name => $value) {
                echo "$name: $value\n";
            }
            return 0;
        case 'verify':
            [, $headersFile, $bodyFile, $keyFile, $secretId, $ocode] = $words;
            $lines = file($headersFile, FILE_IGNORE_NEW_LINES | FILE_SKIP_EMPTY_LINES);
            $target = explode(' ', array_shift($lines))[1];
            $headers = [];
            foreach ($lines as $line) {
                [$name, $value] = explode(':', $line, 2);
                $headers[$name] = $value;
            }
            $keys = [$secretId => trim(file_get_contents($keyFile))];
            try {
                Tongbao::verify($keys, $ocode, $target, $headers, file_get_contents($bodyFile), $now);
            } catch (Refused $refused) {
                echo "refused: {$refused->getMessage()}\n";
                return 1;
            }
            echo "genuine\n";
            return 0;
        default:
            fwrite(STDERR, USAGE);
            return 2;
    }
}

if (PHP_SAPI === 'cli' && realpath($_SERVER['SCRIPT_FILENAME']) === __FILE__) {
    exit(main(array_slice($argv, 1)));
}
