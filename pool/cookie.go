package pool

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"

	rserpool "github.com/rspool/rspool"
)

// minCookieKey is the length of the shortest key that signs cookies, in bytes.
const minCookieKey = 16

// errCookie ends a session whose user has echoed a cookie that no element of
// the pool has made.
var errCookie = errors.New("cookie echo is not signed with the pool's key: give all elements the same CookieKey")

// sealCookie returns a cookie that carries state, and its signature behind it
// where there is a key. The pool is signed too, so that one pool's cookies are
// worth nothing in another.
func sealCookie(key []byte, h rserpool.Handle, state []byte) []byte {
	if len(key) == 0 {
		return append([]byte(nil), state...)
	}
	return cookieMAC(key, h, state).Sum(append([]byte(nil), state...))
}

// openCookie returns the state in a cookie, which it does not copy.
func openCookie(key []byte, h rserpool.Handle, cookie []byte) ([]byte, error) {
	if len(key) == 0 {
		return cookie, nil
	}
	n := len(cookie) - sha256.Size
	if n < 0 || !hmac.Equal(cookie[n:], cookieMAC(key, h, cookie[:n]).Sum(nil)) {
		return nil, errCookie
	}
	return cookie[:n], nil
}

func cookieMAC(key []byte, h rserpool.Handle, state []byte) interface{ Sum([]byte) []byte } {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte{byte(len(h) >> 8), byte(len(h))})
	mac.Write([]byte(h))
	mac.Write(state)
	return mac
}
