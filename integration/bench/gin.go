package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/gin-gonic/gin"
	"github.com/redis/go-redis/v9"
)

// The peers made of Gin take and give JSON of the same shapes as Gatehouse does,
// and know the answers. They run in processes of their own, as the others do.

type checkRequest struct {
	Resource   reference `json:"resource" binding:"required"`
	Permission string    `json:"permission" binding:"required"`
	Subject    reference `json:"subject" binding:"required"`
}

type reference struct {
	Type string `json:"type" binding:"required"`
	ID   string `json:"id" binding:"required"`
}

type checkResult struct {
	Allowed   bool   `json:"allowed"`
	CheckedAt string `json:"checked_at"`
	Source    string `json:"source"`
}

// checkedAt is as long as a ZedToken of Gatehouse.
var checkedAt = strings.Repeat("GmEKEzE3OTUzMDg5", 8)

// serveGin is such a peer: bare, or reading the answer from Redis.
func serveGin(address, redisAddress string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	answer := bare()
	if redisAddress != "" {
		rdb := redis.NewClient(&redis.Options{Addr: redisAddress})
		defer func() { _ = rdb.Close() }()
		if err := fill(ctx, rdb); err != nil {
			return err
		}
		answer = func(ctx context.Context, q checkRequest) (bool, error) { return readOne(ctx, rdb, q) }
	}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.POST("/v1/check", func(c *gin.Context) {
		var q checkRequest
		if err := c.ShouldBindJSON(&q); err != nil {
			c.JSON(http.StatusBadRequest, gin.H{"code": "malformed", "detail": err.Error()})
			return
		}
		allowed, err := answer(c.Request.Context(), q)
		if err != nil {
			c.JSON(http.StatusServiceUnavailable, gin.H{"code": "unavailable", "detail": err.Error()})
			return
		}
		c.JSON(http.StatusOK, checkResult{Allowed: allowed, CheckedAt: checkedAt, Source: "cache"})
	})
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: engine}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(listener); ctx.Err() == nil {
		return err
	}
	return nil
}

// bare looks the answer up in a map.
func bare() func(context.Context, checkRequest) (bool, error) {
	type pair struct{ project, user string }
	known := map[pair]bool{}
	for _, q := range ask() {
		known[pair{q.project, q.user}] = q.allowed
	}
	return func(_ context.Context, q checkRequest) (bool, error) {
		return known[pair{q.Resource.ID, q.Subject.ID}], nil
	}
}

func key(project, user string) string { return "gin:entry:" + project + ":view:" + user }

// fill writes values about as long as those of Gatehouse.
func fill(ctx context.Context, rdb *redis.Client) error {
	pipe := rdb.Pipeline()
	for _, q := range ask() {
		value := "0"
		if q.allowed {
			value = "1"
		}
		pipe.Set(ctx, key(q.project, q.user), value+strings.Repeat("e", 120), 0)
	}
	_, err := pipe.Exec(ctx)
	return err
}

func readOne(ctx context.Context, rdb *redis.Client, q checkRequest) (bool, error) {
	value, err := rdb.Get(ctx, key(q.Resource.ID, q.Subject.ID)).Result()
	return strings.HasPrefix(value, "1"), err
}
