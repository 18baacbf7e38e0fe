"use strict";
// The shop front: fetches articles and renders them.
const axios = require("axios");
const express = require("express");
const _ = require("lodash");

const page = _.template("<h1><%- name %></h1>");
const app = express();
app.get("/articles/:id", async (req, res) => {
  const article = await axios.get(`${process.env.CATALOG}/articles/${encodeURIComponent(req.params.id)}`);
  res.send(page(article.data));
});
app.listen(8080);
