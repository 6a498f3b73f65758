# DL3007
FROM python:latest
