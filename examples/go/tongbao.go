// Signs requests to Tongbao and verifies its notifications. Go 1.19 or later, nothing to install.
//
// Copy this file into a package of yours. A key is a string: an RSA key as PEM (PKCS#8: BEGIN PRIVATE
// KEY, BEGIN PUBLIC KEY), or else the shared SecretKey.
package main

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	signedHeaders = "content-type;host;x-tc-ocode;x-tc-action"
	clockSkew     = 300 // seconds
	hmacAlgorithm = "TC3-HMAC-SHA256"
	rsaAlgorithm  = "SHA256withRSA"
)

var (
	authorization = regexp.MustCompile(
		`^(TC3-HMAC-SHA256|SHA256withRSA) Credential=([A-Za-z0-9_-]+)/([0-9-]+/wxpay/tc3_request), ` +
			`SignedHeaders=([a-z0-9;-]+), Signature=([A-Za-z0-9+/=]+)$`)
	seconds = regexp.MustCompile(`^[0-9]{1,12}$`)
)

// Refused says that a notification is not to be believed, and what is wrong with it.
type Refused string

func (r Refused) Error() string { return "refused: " + string(r) }

// Sign returns the headers of a POST of body to a URL. Send these bytes and no others.
// With net/http, the host goes to Request.Host, which it has from the URL already.
func Sign(key, secretID, ocode, rawURL string, body []byte, now time.Time) (http.Header, error) {
	to, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	timestamp := strconv.FormatInt(now.Unix(), 10)
	headers := http.Header{}
	headers.Set("Content-Type", "application/json")
	headers.Set("Host", to.Host)
	headers.Set("X-TC-Action", "wxpay")
	headers.Set("X-TC-Version", "2023-04-13")
	headers.Set("X-TC-Timestamp", timestamp)
	headers.Set("X-TC-Region", "ap-shanghai")
	headers.Set("X-TC-Ocode", ocode)
	algorithm, scope := algorithmOf(key), scopeAt(now.Unix())
	text := stringToSign(algorithm, timestamp, scope, to.RequestURI(), signedHeaders, headers, body)
	var signature string
	if algorithm == rsaAlgorithm {
		signature, err = rsaSignature(key, text)
		if err != nil {
			return nil, err
		}
	} else {
		signature = hmacSignature(key, scope, text)
	}
	headers.Set("Authorization", fmt.Sprintf("%s Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		algorithm, secretID, scope, signedHeaders, signature))
	return headers, nil
}

// Verify returns Refused unless the platform signed this notification, just now, for us.
//
// keys has for each of our SecretIds the key of its notifications: the platform's public key, or our SecretKey.
// ocode is our own. target is the path with the query, as it stands in the request line
// (http.Request.RequestURI). net/http moves the header Host to http.Request.Host: put it back. body is
// the raw bytes, not what a framework parsed and wrote anew.
func Verify(keys map[string]string, ocode, target string, headers http.Header, body []byte, now time.Time) error {
	parts := authorization.FindStringSubmatch(headers.Get("Authorization"))
	if parts == nil {
		return Refused("Authorization")
	}
	algorithm, secretID, scope, listed, signature := parts[1], parts[2], parts[3], parts[4], parts[5]
	key, known := keys[secretID]
	if !known {
		return Refused("SecretId")
	}
	// The key says which algorithm it is for. Were the header believed, anybody could sign with the
	// public key as if it were a shared secret.
	if algorithm != algorithmOf(key) {
		return Refused("algorithm")
	}
	timestamp := headers.Get("X-TC-Timestamp")
	if !seconds.MatchString(timestamp) {
		return Refused("timestamp")
	}
	at, err := strconv.ParseInt(timestamp, 10, 64)
	if skew := now.Unix() - at; err != nil || skew > clockSkew || skew < -clockSkew {
		return Refused("timestamp")
	}
	if scope != scopeAt(at) {
		return Refused("scope")
	}
	signed := map[string]bool{}
	for _, name := range strings.Split(listed, ";") {
		if len(headers.Values(name)) == 0 {
			return Refused("SignedHeaders")
		}
		signed[name] = true
	}
	for _, name := range strings.Split(signedHeaders, ";") {
		if !signed[name] {
			return Refused("SignedHeaders")
		}
	}
	// The platform's key signs for every tenant, and the SecretId itself is not signed: only this tells
	// our notifications from another tenant's.
	if headers.Get("X-TC-Ocode") != ocode {
		return Refused("Ocode")
	}
	text := stringToSign(algorithm, timestamp, scope, target, listed, headers, body)
	var genuine bool
	if algorithm == rsaAlgorithm {
		genuine, err = rsaVerifies(key, text, signature)
		if err != nil {
			return err
		}
	} else {
		genuine = hmac.Equal([]byte(hmacSignature(key, scope, text)), []byte(signature))
	}
	if !genuine {
		return Refused("signature")
	}
	return nil
}

func algorithmOf(key string) string {
	if strings.HasPrefix(key, "-----BEGIN ") {
		return rsaAlgorithm
	}
	return hmacAlgorithm
}

func scopeAt(seconds int64) string {
	return time.Unix(seconds, 0).UTC().Format("2006-01-02") + "/wxpay/tc3_request"
}

func stringToSign(algorithm, timestamp, scope, target, listed string, headers http.Header, body []byte) string {
	path, query, _ := strings.Cut(target, "?")
	var lines strings.Builder
	for _, name := range strings.Split(listed, ";") {
		value := strings.ToLower(strings.TrimSpace(headers.Get(name)))
		lines.WriteString(name + ":" + value + "\n")
	}
	canonical := strings.Join([]string{"POST", path, query, lines.String(), listed, sha256Hex(body)}, "\n")
	return strings.Join([]string{algorithm, timestamp, scope, sha256Hex([]byte(canonical))}, "\n")
}

func hmacSignature(secretKey, scope, text string) string {
	key := []byte("TC3" + secretKey)
	for _, part := range append(strings.Split(scope, "/"), text) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

func rsaSignature(privateKeyPEM, text string) (string, error) {
	block, _ := pem.Decode([]byte(privateKeyPEM))
	if block == nil {
		return "", errors.New("want a private key as PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return "", err
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return "", errors.New("want an RSA key")
	}
	hashed := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, hashed[:])
	return base64.StdEncoding.EncodeToString(signature), err
}

func rsaVerifies(publicKeyPEM, text, signature string) (bool, error) {
	block, _ := pem.Decode([]byte(publicKeyPEM))
	if block == nil {
		return false, errors.New("want a public key as PEM")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return false, err
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return false, errors.New("want an RSA key")
	}
	decoded, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return false, nil
	}
	hashed := sha256.Sum256([]byte(text))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, hashed[:], decoded) == nil, nil
}

func sha256Hex(bytes []byte) string {
	hashed := sha256.Sum256(bytes)
	return hex.EncodeToString(hashed[:])
}
