// Catalog-api answers what the shop sells.
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"
)

func main() {
	r := gin.New()
	r.GET("/articles/:id", func(c *gin.Context) {
		db, err := pgx.Connect(context.Background(), os.Getenv("DATABASE"))
		if err != nil {
			c.Status(http.StatusBadGateway)
			return
		}
		defer db.Close(context.Background())
		var name string
		if err := db.QueryRow(c, "select name from article where id=$1", c.Param("id")).Scan(&name); err != nil {
			c.Status(http.StatusNotFound)
			return
		}
		c.JSON(http.StatusOK, gin.H{"name": name})
	})
	r.GET("/sheet/:id", func(c *gin.Context) { c.FileAttachment("/srv/sheets/"+c.Param("id"), c.Query("as")) })
	log.Fatal(r.Run(":8080"))
}
