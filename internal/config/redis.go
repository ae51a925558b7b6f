package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Redis says where a Redis is and how to sign in: one server, those that a Sentinel
// watches over, or a cluster.
type Redis struct {
	Addrs          []string // of the server, the Sentinels, or some nodes of the cluster
	User, Password string
	DB             int
	Master         string // by which the Sentinels know it; empty without them
	Cluster        bool
	TLS            bool
}

// ParseRedis reads one of
//
//	redis://[user:password@]host[:port][/db]          rediss:// with TLS
//	redis+sentinel://[user:password@]host[:port],…/master[/db][?tls=true]
//	redis+cluster://[user:password@]host[:port],…[?tls=true]
//
// The port is 6379 unless said otherwise, and 26379 of Sentinels. Errors repeat
// nothing of the URL, which may hold a password.
func ParseRedis(text string) (Redis, error) {
	r, err := parseRedis(text)
	if err != nil {
		return Redis{}, fmt.Errorf("redis-url must be redis://host:port, rediss://host:port, redis+sentinel://host:port,…/master or redis+cluster://host:port,…: %w", err)
	}
	return r, nil
}

func parseRedis(text string) (r Redis, err error) {
	scheme, rest, _ := strings.Cut(text, "://")
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	port, path := "6379", strings.TrimSuffix(path, "/")
	switch scheme {
	case "redis":
	case "rediss":
		r.TLS = true
	case "redis+sentinel":
		port = "26379"
		if r.Master, path, _ = strings.Cut(path, "/"); r.Master == "" {
			return r, errors.New("the name of the master is missing")
		}
	case "redis+cluster":
		r.Cluster = true
		if path != "" {
			return r, errors.New("a cluster has no databases")
		}
	default:
		return r, errors.New("the scheme is another")
	}
	several := r.Cluster || r.Master != ""
	switch {
	case query == "tls=true" && several:
		r.TLS = true
	case query != "":
		return r, errors.New("there is something amiss after the ?")
	}
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		if r.User, r.Password, err = credentials(authority[:i]); err != nil {
			return r, err
		}
		authority = authority[i+1:]
	}
	for host := range strings.SplitSeq(authority, ",") {
		addr, err := withPort(host, port)
		if err != nil {
			return r, err
		}
		r.Addrs = append(r.Addrs, addr)
	}
	if len(r.Addrs) > 1 && !several {
		return r, errors.New("there are several hosts")
	}
	if path != "" {
		if r.DB, err = strconv.Atoi(path); err != nil || r.DB < 0 {
			return r, errors.New("the database is not a number")
		}
	}
	return r, nil
}

func credentials(text string) (user, password string, err error) {
	user, password, _ = strings.Cut(text, ":")
	if user, err = url.PathUnescape(user); err == nil {
		password, err = url.PathUnescape(password)
	}
	if err != nil {
		return "", "", errors.New("user or password are not encoded as a URL wants them")
	}
	return user, password, nil
}

func withPort(host, port string) (string, error) {
	name, given, err := net.SplitHostPort(host)
	if err != nil { // without a port, or none at all
		name, given, err = net.SplitHostPort(host + ":" + port)
	}
	number, notNumber := strconv.ParseUint(given, 10, 16)
	if err != nil || name == "" || notNumber != nil || number == 0 {
		return "", errors.New("there is no host:port")
	}
	return net.JoinHostPort(name, given), nil
}
