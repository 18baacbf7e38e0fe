"use strict";
// Renders the newsletter and sends it.
const http = require("http");
const handlebars = require("handlebars");
const nodemailer = require("nodemailer");

const mail = nodemailer.createTransport(process.env.RELAY);
const letter = handlebars.compile("Dear {{name}}, the tide is in.");
http.createServer(async (req, res) => {
  await mail.sendMail({ to: "readers@lanternfish.example", text: letter({ name: "reader" }) });
  res.end();
}).listen(8080);
