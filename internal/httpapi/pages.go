package httpapi

import (
	"embed"
	"io/fs"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
)

//go:embed pages
var pages embed.FS

// mountPages serves the contract, a page to browse it with, and the page that the
// link of an invitation opens. Reading that page accepts nothing: its button does.
func (a *api) mountPages(engine *gin.Engine) {
	engine.GET("/openapi.yaml", func(c *gin.Context) { c.Data(http.StatusOK, "application/yaml", Spec) })

	browser := v5emb.NewHandlerWithConfig(swgui.Config{
		Title: "Gatehouse", SwaggerJSON: "/openapi.yaml", BasePath: "/docs/", HideCurl: true,
		SettingsUI: map[string]string{"showExtensions": "true"}, // x-permission
	})
	docs := func(c *gin.Context) {
		// The page brings its own inline script.
		c.Header("Content-Security-Policy", "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'")
		browser.ServeHTTP(c.Writer, c.Request)
	}
	engine.GET("/docs", docs)
	engine.GET("/docs/*file", docs)

	files, _ := fs.Sub(pages, "pages") // the folder is embedded
	engine.GET("/invitations/*file", func(c *gin.Context) {
		c.Header("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'")
		switch c.Param("file") {
		case "/accept":
			c.FileFromFS("accept.html", http.FS(files))
		case "/accept.js", "/accept.css":
			c.FileFromFS(c.Param("file"), http.FS(files))
		default:
			a.refuse(c, noRoute())
		}
	})
}
