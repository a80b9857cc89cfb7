// M-Pesa as it is taken with Express, pg and mpesa-node, by their READMEs: a peer of the benchmarks.
//
// A process for each core, as Express advises, each with a pool of pg's own size; one row each, committed before the
// answer. Where PostgreSQL is, pg reads from PGHOST and the like.
//
// mpesa-node knows two hosts of Safaricom's and no other. The address that it asks is a property of its instances,
// `baseURL`, which any user can set.
'use strict'

const cluster = require('node:cluster')
const { readFileSync } = require('node:fs')
const { availableParallelism } = require('node:os')
const { join } = require('node:path')
const express = require('express')
const Mpesa = require('mpesa-node')
const { Pool } = require('pg')

const PAYMENT = 'INSERT INTO payment (checkout_request_id, result_code, receipt, amount, phone, body)' +
  ' VALUES ($1, $2, $3, $4, $5, $6)'
const PUSH = 'INSERT INTO push (checkout_request_id, merchant_request_id, phone, amount, account)' +
  ' VALUES ($1, $2, $3, $4, $5)'

async function prepare () {
  const pool = new Pool()
  await pool.query(readFileSync(join(__dirname, 'schema.sql'), 'utf8'))
  await pool.end()
  for (let each = 0; each < availableParallelism(); each++) cluster.fork()
}

function serve () {
  const pool = new Pool()
  const mpesaApi = new Mpesa({
    consumerKey: process.env.MPESA_CONSUMER_KEY,
    consumerSecret: process.env.MPESA_CONSUMER_SECRET,
    environment: 'sandbox',
    lipaNaMpesaShortCode: process.env.MPESA_SHORTCODE,
    lipaNaMpesaShortPass: process.env.MPESA_PASSKEY
  })
  mpesaApi.baseURL = process.env.MPESA_BASE_URL

  const app = express()
  app.use(express.json())

  app.post('/callback', async (req, res) => {
    const told = req.body.Body.stkCallback
    const items = Object.fromEntries((told.CallbackMetadata?.Item ?? []).map(({ Name, Value }) => [Name, Value]))
    await pool.query(PAYMENT, [
      told.CheckoutRequestID, told.ResultCode, items.MpesaReceiptNumber, items.Amount, items.PhoneNumber,
      JSON.stringify(req.body)
    ])
    res.json({ ResultCode: 0, ResultDesc: 'Accepted' })
  })

  app.post('/pay', async (req, res) => {
    const { phone, amount, account } = req.body
    // Without words of our own the package sends 20 characters, and Daraja takes 13.
    const { data } = await mpesaApi.lipaNaMpesaOnline(phone, amount, process.env.CALLBACK_URL, account, 'Referral fee')
    await pool.query(PUSH, [data.CheckoutRequestID, data.MerchantRequestID, phone, amount, account])
    res.json({ checkout: data.CheckoutRequestID })
  })

  app.listen(process.env.PORT, '127.0.0.1')
}

if (cluster.isPrimary) prepare()
else serve()
