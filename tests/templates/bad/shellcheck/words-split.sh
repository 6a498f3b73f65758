# SC2086
folder=$1
rm -rf $folder
