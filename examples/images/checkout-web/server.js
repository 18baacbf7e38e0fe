"use strict";
// The till: checks who pays, then asks the payments API.
const http = require("http");
const jwt = require("jsonwebtoken");
const argv = require("minimist")(process.argv.slice(2), { default: { port: 8080 } });

http.createServer((req, res) => {
  jwt.verify(req.headers.authorization || "", process.env.TOKEN_KEY, (err) => {
    res.statusCode = err ? 401 : 204;
    res.end();
  });
}).listen(argv.port);
