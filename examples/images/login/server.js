"use strict";
// Sign-in pages.
const http = require("http");
const jwt = require("jsonwebtoken");
const _ = require("lodash");
const argv = require("minimist")(process.argv.slice(2), { default: { port: 8080 } });

const hello = _.template("<p>Hello, <%- sub %></p>");
http.createServer((req, res) => {
  jwt.verify(req.headers.authorization || "", process.env.TOKEN_KEY, { algorithms: ["HS256"] }, (err, claims) => {
    res.statusCode = err ? 401 : 200;
    res.end(err ? "" : hello(claims));
  });
}).listen(argv.port);
